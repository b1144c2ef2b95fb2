"""What the weights of a model are known by, and what is said of weights that changed after wrapping."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from robustq.model.spec import Spec

CHANGED_OUTSIDE = "changed after wrapping, by code outside of robustq"
"""Where weights come from that are neither fresh nor trained or loaded by robustq."""


def weights_digest(state: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that change when a name or a value of a state dict does."""
    digest = sha256()
    for name, entry in state.items():
        digest.update(name.encode())
        if isinstance(entry, Tensor):
            digest.update(entry.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        else:  # the extra state of a module
            digest.update(repr(entry).encode())
    return digest.hexdigest()[:16]


def as_known(spec: Spec, state: Mapping[str, Any]) -> Spec:
    """The spec with a true word on its weights: those that were fresh at wrapping may have been trained since.

    Args:
        spec: spec of the model.
        state: state dict of the model.
    """
    if spec.training or spec.weights or not spec.fresh or weights_digest(state) == spec.fresh:
        return spec
    return spec.but(weights=CHANGED_OUTSIDE)
