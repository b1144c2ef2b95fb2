"""Files that are either complete or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robustq.errors import RequestError


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A temporary path to write to; when the context ends, what was written there gets the name of the target.

    A process that is killed in between leaves the old target, or none, and the folder is made if it is missing.

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
