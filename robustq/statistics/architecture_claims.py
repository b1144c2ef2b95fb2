"""Compares architectures over training seeds and patients (docs/definitions.md, Claims about architectures)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from robustq.errors import RequestError, unknown
from robustq.statistics.crossed import crossed_mean
from robustq.statistics.paired_means import paired_means
from robustq.statistics.paired_tests import holm
from robustq.statistics.robustness_differences import ALL, curve_samples

ENOUGH_SEEDS = 5
"""With fewer seeds, all of them must agree in sign before a claim is said to hold."""

SIGNIFICANT = 0.05

HOLDS, DEPENDS = "holds", "depends"


def claims_about_architectures(
    frame: pd.DataFrame,
    architecture_of: Mapping[str, str],
    baseline: str,
    *,
    averaged: Sequence[str] | None = None,
    higher_is_better: bool = True,
) -> pd.DataFrame:
    """The difference of each architecture from a baseline, as an estimate over seeds and patients.

    The networks of two architectures are paired by training seed, and their values by group. Holm's correction counts
    every line of the table.

    Args:
        frame: rows of one metric, with the columns of `robustq.results.rows.Row`.
        architecture_of: for the name of a model, the name of its architecture; models without an entry are left out.
        baseline: name of the architecture that the others are compared with.
        averaged: the perturbations of which "all" is the mean, such as those that are no attacks; None takes every one.
        higher_is_better: whether a larger value of the metric is a better one.

    Returns:
        One row for each architecture, perturbation ("all" for the mean over several) and measure (clean, drop, and
        audc for a metric without unit of which higher is better): architecture, baseline, perturbation, measure, seeds,
        groups, difference, low, high, freedom, p, p_holm, and `verdict`, which is "holds" or "depends".

    Raises:
        RequestError: no architecture has this name; an architecture has two networks of one training seed, or shares no
            training seed with the baseline; or as `robustq.statistics.compare`.
    """
    networks = _networks(frame, architecture_of)
    if baseline not in networks:
        raise unknown("architecture", baseline, list(networks))
    claims = [
        {"architecture": architecture, "baseline": baseline, **claim}
        for architecture, of_seed in networks.items()
        if architecture != baseline
        for claim in _claims(frame, architecture, of_seed, networks[baseline], averaged, higher_is_better)
    ]
    if not claims:
        raise RequestError(f"{baseline!r} is the only architecture in these rows: give a run of another one")
    table = pd.DataFrame(claims)
    table["p_holm"] = holm(table["p"].to_numpy(float))
    columns = ("seeds", "one_sign", "low", "high", "p_holm")
    table["verdict"] = [_verdict(*line) for line in zip(*(table[name] for name in columns), strict=True)]
    return table.drop(columns="one_sign")


def _networks(frame: pd.DataFrame, architecture_of: Mapping[str, str]) -> dict[str, dict[int, str]]:
    """For each architecture, the name of the model of each training seed."""
    networks: dict[str, dict[int, str]] = {}
    pairs = frame[frame["model"].isin(list(architecture_of))][["model", "training_seed"]].drop_duplicates()
    for model, seed in pairs.itertuples(index=False):
        if pd.isna(seed):
            raise RequestError(f"{model!r} is not trained here, so it has no training seed: leave it out")
        of_seed = networks.setdefault(architecture_of[model], {})
        if int(seed) in of_seed:
            raise RequestError(
                f"{of_seed[int(seed)]!r} and {model!r}, both {architecture_of[model]}, have the same training seed "
                f"{int(seed)}, so they are not two samples of training: leave one out"
            )
        of_seed[int(seed)] = str(model)
    return networks


def _claims(
    frame: pd.DataFrame,
    architecture: str,
    of_seed: Mapping[int, str],
    baseline_of_seed: Mapping[int, str],
    averaged: Sequence[str] | None,
    higher_is_better: bool,
) -> list[dict[str, object]]:
    seeds = sorted(set(of_seed) & set(baseline_of_seed))
    if not seeds:
        raise RequestError(
            f"{architecture} and the baseline have no training seed in common, so their networks cannot be paired: "
            "train both with the same seeds"
        )
    order = [str(name) for name in frame["perturbation"].unique()]
    is_share = True
    samples: dict[str, list[pd.DataFrame]] = {}
    for seed in seeds:
        pair = frame[frame["model"].isin([of_seed[seed], baseline_of_seed[seed]])]
        (means,) = paired_means(pair, baseline_of_seed[seed]).values()
        is_share = is_share and higher_is_better and not means["unit"].any()
        for name in order:
            sample = curve_samples(means[means["perturbation"] == name])
            if sample is not None:
                samples.setdefault(name, []).append(_differences(sample, higher_is_better))
    complete = {name: frames for name, frames in samples.items() if len(frames) == len(seeds)}
    several = [frames for name, frames in complete.items() if averaged is None or name in averaged]
    whole = {ALL: [_mean(parts) for parts in zip(*several, strict=True)]} if len(several) > 1 else {}
    measures = ("clean", "drop", "audc") if is_share else ("clean", "drop")
    return [
        {"perturbation": name, "measure": measure, **_estimate([frame[measure] for frame in frames])}
        for name, frames in {**complete, **whole}.items()
        for measure in measures
    ]


def _differences(sample: pd.DataFrame, higher_is_better: bool) -> pd.DataFrame:
    """For each group, the model minus the baseline at level 0, in the drop and in the AUDC."""
    clean, worst, area, *of_baseline = (sample.iloc[:, column] for column in range(6))
    sign = 1 if higher_is_better else -1
    baseline_clean, baseline_worst, baseline_area = of_baseline
    drop = sign * ((clean - worst) - (baseline_clean - baseline_worst))
    return pd.DataFrame({"clean": clean - baseline_clean, "drop": drop, "audc": area - baseline_area})


def _mean(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of tables over the perturbations, for the groups that all of them have."""
    stacked = pd.concat(parts, keys=range(len(parts)), names=["part", "dataset", "group"])
    by_group = stacked.groupby(["dataset", "group"])
    mean: pd.DataFrame = by_group.mean()[by_group.size() == len(parts)]
    return mean


def _estimate(of_seeds: Sequence[pd.Series]) -> dict[str, object]:
    """Over the groups that have a finite value for every seed."""
    table = pd.concat(of_seeds, axis=1, join="inner").replace([np.inf, -np.inf], np.nan).dropna()
    if table.empty:
        none = dict.fromkeys(("difference", "low", "high", "freedom", "p"), np.nan)
        return {"seeds": len(of_seeds), "groups": 0, **none, "one_sign": False}
    crossed = crossed_mean(table.to_numpy(float).T)
    return {
        "seeds": crossed.seeds,
        "groups": crossed.groups,
        "difference": crossed.estimate,
        "low": crossed.low,
        "high": crossed.high,
        "freedom": crossed.freedom,
        "p": crossed.p,
        "one_sign": crossed.one_sign,
    }


def _verdict(seeds: int, one_sign: bool, low: float, high: float, p: float) -> str:
    """Whether the data settle that there is a difference: with few seeds by sign and interval, else by Holm's p."""
    if seeds < ENOUGH_SEEDS:
        return HOLDS if one_sign and (low > 0 or high < 0) else DEPENDS
    return HOLDS if p < SIGNIFICANT else DEPENDS
