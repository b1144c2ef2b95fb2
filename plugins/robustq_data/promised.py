"""Refuses a file whose header promises more values than its bytes can hold, before memory is taken for them."""

from pathlib import Path

from robustq.errors import CaseError

_MOST = 1100
"""No stream of gzip or zlib becomes more than 1032 times longer when it is decompressed."""

_SMALL = 2**24
"""A promise of so few bytes is not worth a refusal."""


def check_promise(path: Path, promised: int, *, compressed: bool, stored: int | None = None) -> None:
    """Refuse a promise that the file cannot keep.

    Args:
        path: path of the file.
        promised: number of bytes of all values that the header promises.
        compressed: whether the values can be compressed.
        stored: number of bytes that hold the values, if they are not in this file.

    Raises:
        CaseError: the file is too short for the promise.
    """
    size = path.stat().st_size if stored is None else stored
    if promised > max(_SMALL, size * (_MOST if compressed else 1)):
        raise CaseError(
            f"{path.name} promises {promised / 2**30:.1f} GB of values and holds {size} bytes: it is damaged, fetch it "
            "again"
        )
