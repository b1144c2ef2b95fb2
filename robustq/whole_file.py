"""Writes a file so that it is either complete or missing, never half written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robustq.errors import RequestError


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a temporary path to write to, and rename the written file to the target when the context ends.

    A process that is killed before the end leaves the old target, or no target. The folder is made if it is missing.

    Raises:
        RequestError: the folder or the file cannot be written.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise RequestError(f"cannot write {target}: {error.strerror or error}") from error
