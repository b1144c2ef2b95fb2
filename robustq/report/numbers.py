"""Formats figures in the same way for every table and note."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def number(value: float | None, digits: int = 3) -> str:
    """A figure with `digits` decimals; – where there is none, ∞ where it is infinite."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}f}"


def digits_of(unit: str) -> int:
    """Number of decimals of a figure: 2 with a unit, 3 without one."""
    return 2 if unit else 3


def with_unit(name: str, unit: str) -> str:
    """`hd95 [mm]`; the name alone where there is no unit."""
    return f"{name} [{unit}]" if unit else name


def interval(low: float, high: float, digits: int = 3) -> str:
    """`[0.790, 0.834]`; `[–, –]` where there is none."""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def with_interval(figure: str, low: float, high: float, digits: int = 3) -> str:
    """`0.812 [0.790, 0.834]`; the figure alone where it has no interval."""
    return figure if math.isnan(low) else f"{figure} {interval(low, high, digits)}"


def difference_text(value: float, low: float, high: float, digits: int = 3) -> str:
    """`+0.012 [-0.003, 0.027]`; – where there is no difference."""
    return "–" if math.isnan(value) else f"{value:+.{digits}f} {interval(low, high, digits)}"


def interval_of_amount(value: float, low: float, high: float, digits: int = 3) -> str:
    """The interval of |value|, given that of the value, which is negative where a sentence says less or falls."""
    return interval(low, high, digits) if value >= 0 else interval(-high, -low, digits)


def mean_sd(mean: float, sd: float, digits: int = 3) -> str:
    """`0.950 ± 0.021`; the mean alone where there is no deviation."""
    # The space after the sign is a no-break space.
    return number(mean, digits) if math.isnan(sd) else f"{number(mean, digits)} ±\N{NO-BREAK SPACE}{number(sd, digits)}"


def median_iqr(median: float, q1: float, q3: float, digits: int = 3) -> str:
    """`0.950 (0.921–0.968)`: the median with its quartiles."""
    return f"{number(median, digits)} ({number(q1, digits)}–{number(q3, digits)})"


def percent(level: float) -> str:
    """`30 %`."""
    return f"{level:g}\N{NO-BREAK SPACE}%"


def count(number: int, thing: str) -> str:
    """`1 group`, `2 groups`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


NO_ANSWER_NOTE = (
    "no answer: the number of answers that hold NaN or infinity, or that could not be computed. They are part of no "
    "mean, and where a curve has some, it has no retention and no AUDC."
)
"""Printed under a table where `missed_text` gives such a number."""


def missed_text(missed: float, distance: bool, unanswered: float) -> str:
    """` (3 missed, 2 no answer)` next to a figure; "" where there is nothing to count.

    Args:
        missed: number of answers that miss a structure; they are named next to a distance alone.
        distance: whether the figure is a distance.
        unanswered: number of answers that are not finite, or that could not be computed.
    """
    counts = [f"{int(missed)} missed"] if distance and missed else []
    counts += [f"{int(unanswered)} no answer"] if unanswered else []
    return f" ({', '.join(counts)})" if counts else ""


def p_value(p: float) -> str:
    """Three decimals; `< 0.001` for smaller values."""
    return "< 0.001" if p < 0.001 else number(p, 3)


def draws_per_level(counts: Collection[int], of_attacks: Collection[int] = ()) -> str:
    """`10 draws per level above 0`: at level 0 nothing is drawn. `4 to 12 draws per level above 0, 1 of attacks`.

    Args:
        counts: numbers of draws of the levels.
        of_attacks: numbers of draws of attacks; they are named where they differ from the others.
    """
    text = "1 draw per level" if set(counts) == {1} else f"{span(counts)} draws per level above 0"
    return text if not of_attacks or span(of_attacks) == span(counts) else f"{text}, {span(of_attacks)} of attacks"


def span(counts: Collection[int]) -> str:
    """`10`; `4 to 12` where the counts differ."""
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def plain(value: object) -> object:
    """The values of a JSON document: NaN becomes null, infinity becomes "inf"."""
    if isinstance(value, dict):
        return plain_document(value)
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def plain_document(entries: Mapping[Any, object]) -> dict[str, Any]:
    """The entries of a JSON document, their values as `plain` gives them."""
    return {str(key): plain(entry) for key, entry in entries.items()}


def significant(value: float | None, digits: int = 3) -> str:
    """A figure with `digits` significant digits, for values that can be very small."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f"{value:.{digits}g}"


def mean_sd_significant(mean: float, sd: float) -> str:
    """`0.0123 ± 0.0045`; the mean alone where there is no deviation."""
    return significant(mean) if math.isnan(sd) else f"{significant(mean)} ±\N{NO-BREAK SPACE}{significant(sd, 2)}"
