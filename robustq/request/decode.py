"""How `--decode` says that codes are chosen."""

from robustq.errors import unknown

NEAREST, MAP = "nearest", "map"
"""The nearest code of each token; or besides, for models with a prior, the code that distance and prior choose."""


def check_decode(decode: str) -> str:
    """The way in which codes are chosen.

    Raises:
        RequestError: there is no such way.
    """
    if decode not in (NEAREST, MAP):
        raise unknown("decode", decode, (NEAREST, MAP))
    return decode
