"""Checks the compressed values of a MetaImage file."""

import zlib
from pathlib import Path

from robustq.errors import CaseError

_PIECE = 2**20
_ZLIB_OR_GZIP = zlib.MAX_WBITS + 32


def check_deflated(path: Path, *, after: int, promised: int) -> None:
    """Checks that a stream decompresses without an error to as many bytes as the header promises.

    MetaIO writes a line to stderr where a stream is damaged and returns what it has, with whatever the memory held for
    the rest: a case of noise that nobody asked for.

    Args:
        path: the file with the stream.
        after: bytes before the stream.
        promised: bytes of the values by the header.

    Raises:
        CaseError: the stream is damaged, ends early, or has another length.
    """
    stream = zlib.decompressobj(_ZLIB_OR_GZIP)
    found = 0
    with path.open("rb") as file:
        file.seek(after)
        try:
            while not stream.eof and found <= promised and (piece := stream.unconsumed_tail or file.read(_PIECE)):
                found += len(stream.decompress(piece, _PIECE))
            found += len(stream.flush()) if found <= promised else 0
        except zlib.error as error:
            raise CaseError(
                f"the compressed values of {path.name} are damaged ({error}): write the file again"
            ) from error
    if found != promised or not stream.eof:
        amount = f"more than {promised}" if found > promised else str(found)
        raise CaseError(
            f"the compressed values of {path.name} are {amount} bytes, its header promises {promised}: "
            "write the file again"
        )
