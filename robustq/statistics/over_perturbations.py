"""Averages over perturbations, each counted once (docs/definitions.md, Mean over perturbations)."""

from collections.abc import Sequence

import pandas as pd

from robustq.statistics.group_means import GROUP
from robustq.statistics.robustness_differences import ALL


def over_perturbations(means: pd.DataFrame, perturbations: Sequence[str]) -> pd.DataFrame:
    """The mean over perturbations of each group's values at each level.

    A group counts for a model only if it has a value under every perturbation at every level.

    Args:
        means: what `group_means` gave.
        perturbations: the perturbations that are averaged.

    Returns:
        Rows as `group_means` gives them, with the perturbation "all"; `missed` and `unanswered` are sums. Empty for
        fewer than two perturbations.
    """
    of_these = means[means["perturbation"].isin(perturbations)]
    if len(perturbations) < 2 or of_these.empty:
        return means.iloc[:0]
    keys = [name for name in means.columns if name not in ("perturbation", "value", "missed", "unanswered")]
    averaged = of_these.groupby(keys, dropna=False, as_index=False).agg(
        value=("value", "mean"),
        valued=("value", "count"),
        missed=("missed", "sum"),
        unanswered=("unanswered", "sum"),
    )
    # By label, a group is whole or not for each label by itself.
    sample = [name for name in keys if name in ("model", "metric", "label", *GROUP)]
    whole = averaged.assign(whole=averaged["valued"] == len(perturbations)).groupby(sample)["whole"].transform("all")
    averaged = averaged.assign(value=averaged["value"].where(whole), perturbation=ALL)
    return averaged[list(means.columns)]
