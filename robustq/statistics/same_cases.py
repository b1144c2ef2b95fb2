"""Whether two models met the same cases, levels and noise, without which nothing can be paired."""

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
    """The rows without transferred attacks, which check the direct ones and are not shown to all models."""
    return frame[~frame["perturbation"].map(is_transferred).astype(bool)]


def check_alike(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse to pair two models that were not shown the same.

    Args:
        first: the rows of one model, failed cases included.
        second: the rows of the other.

    Raises:
        RequestError: cases, levels, draws, seeds, the noise's parameters, or the labels scored by a metric that both
            have, differ; the message says which and where.
    """
    for aspect, columns in _ASPECTS.items():
        _check(aspect, columns, first, second)
    shared = set(first["metric"]) & set(second["metric"]) - {"code_usage"}
    _check("scored labels", _LABELS, *(rows[rows["metric"].isin(shared)] for rows in (first, second)))


def _check(aspect: str, columns: list[str], first: pd.DataFrame, second: pd.DataFrame) -> None:
    sides = [rows[columns].drop_duplicates() for rows in (first, second)]
    both = sides[0].merge(sides[1], how="outer", on=columns, indicator=True)
    alone = both[both["_merge"] != "both"]
    if alone.empty:
        return
    names = [str(rows["model"].iloc[0]) for rows in (first, second)]
    where = alone.iloc[0]
    has = names[0] if where["_merge"] == "left_only" else names[1]
    told = ", ".join(f"{column} {where[column]}" for column in columns if str(where[column]) not in ("", "nan", "<NA>"))
    more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
    raise RequestError(
        f"{names[0]!r} and {names[1]!r} cannot be paired, their {aspect} differ: only {has!r} has {told}{more}; "
        "stress both with the same data, levels, draws and seed"
    )
