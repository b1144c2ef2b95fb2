"""Reads and writes the setting of an attack: the text after the @, such as l2-40."""

from robustq.errors import RequestError
from robustq_attacks.l2 import L2
from robustq_attacks.linf import LInfinity
from robustq_attacks.norm import AbstractNorm

NORMS: dict[str, AbstractNorm] = {norm.name: norm for norm in (LInfinity(), L2())}
DEFAULT = NORMS["linf"]


def parse_norm(text: str) -> AbstractNorm:
    """The norm named `linf` or `l2`; "" means `linf`.

    Raises:
        RequestError: the text names neither.
    """
    if text and text not in NORMS:
        raise RequestError(f"{text!r} is not a norm: give {' or '.join(NORMS)} after the @")
    return NORMS[text] if text else DEFAULT


def parse_norm_and_steps(text: str, steps: int) -> tuple[AbstractNorm, int]:
    """The norm and the steps of `l2`, `40` or `l2-40`.

    Args:
        text: what follows the @.
        steps: number of steps if the text gives none.

    Raises:
        RequestError: the text is something else.
    """
    norm, dash, number = ("", "", text) if text.isdecimal() else text.partition("-")
    norm_valid = norm in NORMS if norm else not dash
    if not norm_valid or (dash and not number) or (number and not (number.isdecimal() and int(number) > 0)):
        raise RequestError(f"{text!r} is not a norm and a number of steps: give l2, 40 or l2-40 after the @")
    return parse_norm(norm), int(number or steps)


def setting(norm: AbstractNorm, steps: str = "") -> str:
    """The one spelling of a setting: default values are left out.

    Args:
        norm: norm of the ball.
        steps: number of steps as text; "" for the default.
    """
    return "-".join(word for word in ("" if norm == DEFAULT else norm.name, steps) if word)
