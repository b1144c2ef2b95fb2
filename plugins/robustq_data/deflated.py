"""Checks the compressed values of a MetaImage file."""

import struct
import zlib
from pathlib import Path

import numpy as np

from robustq.errors import CaseError

_PIECE = 2**20
_ZLIB_OR_GZIP = zlib.MAX_WBITS + 32
_GZIP = b"\x1f\x8b"
"""A gzip stream begins with these bytes."""


def check_deflated(path: Path, *, after: int, values: np.ndarray) -> None:
    """Checks that the values that were read are all that a stream holds.

    MetaIO writes a line to stderr where a stream is damaged and returns what it has, with whatever the memory held for
    the rest: a case of noise that nobody asked for. A stream ends with the checksum of its values. Only where that of
    the values that were read is another one, the stream is decompressed again, to say what is wrong, or that nothing
    is: more bytes may follow the stream, or the reader may have turned the order of the bytes in each value.

    Args:
        path: the file with the stream.
        after: bytes before the stream.
        values: what was read from it.

    Raises:
        CaseError: the stream is damaged, ends early, has another length, or was not read as a whole.
    """
    if not _ends_with_checksum_of(path, after, values):
        _check_stream(path, after, values)


def _ends_with_checksum_of(path: Path, after: int, values: np.ndarray) -> bool:
    with path.open("rb") as file:
        file.seek(after)
        begins = file.read(len(_GZIP))
        file.seek(max(after, path.stat().st_size - 8))
        ends = file.read()
    if begins == _GZIP:
        return ends == struct.pack("<II", zlib.crc32(values.data), values.nbytes % 2**32)
    return ends[-4:] == struct.pack(">I", zlib.adler32(values.data))


def _check_stream(path: Path, after: int, values: np.ndarray) -> None:
    """Checks that a stream decompresses without an error to the bytes of the values, in either order of bytes."""
    stream = zlib.decompressobj(_ZLIB_OR_GZIP)
    found, checksum, promised = 0, zlib.adler32(b""), values.nbytes
    with path.open("rb") as file:
        file.seek(after)
        try:
            while not stream.eof and found <= promised and (piece := stream.unconsumed_tail or file.read(_PIECE)):
                part = stream.decompress(piece, _PIECE)
                found, checksum = found + len(part), zlib.adler32(part, checksum)
            rest = stream.flush() if found <= promised else b""
            found, checksum = found + len(rest), zlib.adler32(rest, checksum)
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
    if checksum not in (zlib.adler32(values.data), zlib.adler32(values.byteswap().data)):
        raise CaseError(
            f"the compressed values of {path.name} were not read as a whole: its CompressedDataSize may be wrong, "
            "write the file again"
        )
