"""Checks that two models were shown the same cases, levels and noise, so that their rows can be paired."""

import pandas as pd

from robustq.errors import RequestError
from robustq.request.names import is_transferred

_CASE = ["dataset", "domain", "group", "case"]
_ASPECTS = {
    "cases": _CASE,
    "levels": ["perturbation", "level"],
    "draws": [*_CASE, "perturbation", "level", "draw"],
    "seeds": [*_CASE, "perturbation", "level", "draw", "seed"],
    "noise parameters": [*_CASE, "perturbation", "level", "draw", "parameters"],
}
_LABELS = [*_CASE, "metric", "unit", "label"]


def without_transfers(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows without transferred attacks: these only check direct attacks, and not every model is shown them."""
    return frame[~frame["perturbation"].map(is_transferred).astype(bool)]


def check_alike(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse two models that were not shown the same cases, levels and noise.

    Args:
        first: the rows of one model, failed cases included.
        second: the rows of the other.

    Raises:
        RequestError: the cases, levels, draws, seeds or noise parameters differ, or the labels scored by a metric that
            both have; the message says which of these differ, and where.
    """
    for aspect, columns in _ASPECTS.items():
        _check(aspect, columns, first, second)
    shared = set(first["metric"]) & set(second["metric"]) - {"code_usage"}
    _check("scored labels", _LABELS, *(rows[rows["metric"].isin(shared)] for rows in (first, second)))


def _check(aspect: str, columns: list[str], first: pd.DataFrame, second: pd.DataFrame) -> None:
    sides = [rows[columns].drop_duplicates() for rows in (first, second)]
    both = sides[0].merge(sides[1], how="outer", on=columns, indicator=True)
    one_sided = both[both["_merge"] != "both"]
    if one_sided.empty:
        return
    names = [str(rows["model"].iloc[0]) for rows in (first, second)]
    row = one_sided.iloc[0]
    owner = names[0] if row["_merge"] == "left_only" else names[1]
    where = ", ".join(f"{column} {row[column]}" for column in columns if str(row[column]) not in ("", "nan", "<NA>"))
    more = f" and {len(one_sided) - 1} more" if len(one_sided) > 1 else ""
    raise RequestError(
        f"{names[0]!r} and {names[1]!r} cannot be paired, because their {aspect} differ: only {owner!r} has "
        f"{where}{more}; stress both with the same data, levels, draws and seed"
    )
