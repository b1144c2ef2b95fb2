"""What may follow the name of an attack and an @."""

from robustq.errors import RequestError
from robustq_attacks.l2 import L2
from robustq_attacks.linf import LInfinity
from robustq_attacks.norm import AbstractNorm

NORMS: dict[str, AbstractNorm] = {norm.name: norm for norm in (LInfinity(), L2())}
DEFAULT = NORMS["linf"]


def parse_norm(text: str) -> AbstractNorm:
    """The norm `linf` or `l2`; "" is the former.

    Raises:
        RequestError: it is neither.
    """
    if text and text not in NORMS:
        raise RequestError(f"{text!r} is no norm: give {' or '.join(NORMS)} after the @")
    return NORMS[text] if text else DEFAULT


def parse_norm_and_steps(text: str, steps: int) -> tuple[AbstractNorm, int]:
    """The norm and the steps of `l2`, `40` or `l2-40`.

    Args:
        text: what follows the @.
        steps: where it names none.

    Raises:
        RequestError: it is something else.
    """
    norm, dash, number = ("", "", text) if text.isdecimal() else text.partition("-")
    well = norm in NORMS if norm else not dash
    if not well or (dash and not number) or (number and not (number.isdecimal() and int(number) > 0)):
        raise RequestError(f"{text!r} is no norm and number of steps: give l2, 40 or l2-40 after the @")
    return parse_norm(norm), int(number or steps)


def setting(norm: AbstractNorm, steps: str = "") -> str:
    """The one spelling: what is the default is not said.

    Args:
        norm: of the ball.
        steps: "" where they are the default.
    """
    return "-".join(part for part in ("" if norm == DEFAULT else norm.name, steps) if part)
