"""Scores by the size of the structure (docs/definitions.md, Attacks together)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from robustq.statistics.group_means import GROUP

THIRDS = ("smallest", "middle", "largest")
"""The thirds of a label's structures, by volume."""

FEWEST = 3
"""Smallest number of structures of a label that are divided into thirds."""


def by_size(rows: pd.DataFrame, volumes: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The mean over groups in each third of a label's structures, by volume.

    Args:
        rows: rows of one metric.
        volumes: for the id of each case, the volume of each label that its truth shows.

    Returns:
        model, perturbation, label, third (0 to 2), level; `smallest` and `largest`, the volumes at both ends of the
        third; `structures`, their number; `groups`, `mean` and sample `sd` over groups, a group's value being the mean
        over its structures in the third. Labels with fewer than `FEWEST` structures are left out.
    """
    known = [(case, label, volume) for case, labels in volumes.items() for label, volume in labels.items()]
    structures = pd.DataFrame(known, columns=["case", "label", "volume"])
    placed = structures[structures["case"].isin(rows["case"])]
    placed = placed.assign(third=placed.groupby("label")["volume"].transform(_third))
    placed = placed[placed.groupby("label")["volume"].transform("size") >= FEWEST]
    keys = ["model", "perturbation", "label", "third", "level"]
    scored = rows.merge(placed, on=["case", "label"])
    groups = scored.groupby([*keys, *GROUP], as_index=False)["value"].mean()
    ends = placed.groupby(["label", "third"], as_index=False).agg(
        smallest=("volume", "min"), largest=("volume", "max"), structures=("volume", "size")
    )
    means = groups.groupby(keys, as_index=False).agg(
        groups=("value", "count"), mean=("value", "mean"), sd=("value", "std")
    )
    table: pd.DataFrame = means.merge(ends, on=["label", "third"])
    return table


def _third(volumes: pd.Series) -> np.ndarray:
    """For each volume its third; the ends are the quantiles 1/3 and 2/3, and a volume on an end is in the lower one."""
    values = volumes.to_numpy(float)
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values, side="left")
