"""One fingerprint of all cases of a run, by which a reader knows whether they have the same data."""

import hashlib
from collections.abc import Mapping
from typing import Any


def data_fingerprint(asked: Mapping[str, Any]) -> str:
    """SHA-256 over the sorted fingerprints of the cases, 16 hexadecimal digits.

    Args:
        asked: the entry `asked` of a request file.
    """
    fingerprints = sorted(case["fingerprint"] for case in asked["data"]["cases"])
    return hashlib.sha256("\n".join(fingerprints).encode()).hexdigest()[:16]
