"""Ranks models by AUDC, with the places that significance leaves open (docs/definitions.md, Ranking)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.errors import RequestError
from robustq.statistics.audc_samples import audc_samples
from robustq.statistics.bootstrap import RESAMPLES, mean_interval
from robustq.statistics.paired_means import comparable_rows
from robustq.statistics.paired_tests import SignedRank, holm, paired_difference, signed_rank, smallest_attainable_p

ALPHA = 0.05
"""Error of all pairwise tests together."""


@dataclass(frozen=True)
class Ranks:
    """Models in the order of their AUDC.

    Attributes:
        models: one row for each model, the best first: model, rank, best_rank, worst_rank, groups, audc, low, high.
        pairs: one row for each pair of models: model and other, groups, difference (of the AUDCs), low, high, p,
            p_holm, and better, the name of the model that is significantly better, "" for none.
        perturbations: the perturbations over which AUDC is the mean.
        levels: the lowest of their highest levels, and the highest, in percent.
        left_out: for each model, the number of groups that are left out because it has no value or no answer there.
        reason: why no pair was tested, or can differ significantly; "" if some can.
    """

    models: pd.DataFrame
    pairs: pd.DataFrame
    perturbations: tuple[str, ...]
    levels: tuple[float, float]
    left_out: Mapping[str, int]
    reason: str


def rank_models(frame: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> Ranks:
    """Rank models by the AUDC of one metric, the mean over all perturbations.

    Args:
        frame: rows of one metric, a share of which higher is better, as in `robustq.statistics.compare`.
        resamples: number of bootstrap resamples of the groups.
        seed: seed of the resampling.

    Raises:
        RequestError: there are fewer than two models, they were not shown the same cases, levels and noise, or no group
            has a value for all of them.
    """
    rows = comparable_rows(frame)
    names = list(rows)
    samples = {name: audc_samples(rows[name]) for name in names}
    perturbations = tuple(dict.fromkeys(str(column) for sample in samples.values() for column in sample))
    if not perturbations:
        raise RequestError(
            "the runs have level 0 alone, so there is no curve and no area under it: stress the models above 0 too"
        )
    overall = pd.DataFrame({name: sample.mean(axis=1, skipna=False) for name, sample in samples.items()})
    complete = overall.dropna()
    if complete.empty:
        raise RequestError(
            "no patient has a value for every model at every level: robustq show RUN says where values are missing"
        )
    pairs, reason = _pairs(complete, resamples, seed)
    places = {name: _place(name, complete, pairs) for name in names}
    models = pd.DataFrame(
        [{"model": name, **places[name], **_area(complete[name].to_numpy(float), resamples, seed)} for name in names]
    )
    highest = [float(of_one["level"].max()) for of_one in _curves(rows[names[0]], perturbations)]
    return Ranks(
        models=models.sort_values("rank", kind="stable", ignore_index=True),
        pairs=pairs,
        perturbations=perturbations,
        levels=(min(highest), max(highest)),
        left_out={name: int(overall[name].isna().sum()) for name in names if overall[name].isna().any()},
        reason=reason,
    )


def _curves(rows: pd.DataFrame, perturbations: tuple[str, ...]) -> list[pd.DataFrame]:
    return [rows[rows["perturbation"] == name] for name in perturbations]


def _pairs(areas: pd.DataFrame, resamples: int, seed: int) -> tuple[pd.DataFrame, str]:
    """The test of each pair, corrected over all pairs."""
    lines: list[dict[str, Any]] = []
    tests: list[SignedRank] = []
    for first, second in combinations(areas.columns, 2):
        sides = areas[first].to_numpy(float), areas[second].to_numpy(float)
        difference = paired_difference(*sides, resamples=resamples, seed=seed)
        tests.append(signed_rank(*sides))
        lines.append(
            {
                "model": first,
                "other": second,
                "groups": difference.groups,
                "difference": difference.estimate,
                "low": difference.low,
                "high": difference.high,
            }
        )
    corrected = holm(np.array([test.p for test in tests]))
    for line, test, p in zip(lines, tests, corrected, strict=True):
        # Ranks and mean must favour the same model: for skewed differences they can disagree, and then neither is said
        # to be better.
        favoured = test.favours if np.sign(line["difference"]) == test.favours else 0
        significant = bool(p <= ALPHA)
        better = {1: line["model"], -1: line["other"], 0: ""}[favoured] if significant else ""
        line |= {"p": test.p, "p_holm": float(p), "better": better}
    untested = next((test.reason for test in tests if test.reason), "")
    return pd.DataFrame(lines), untested or _too_few(len(areas), len(tests))


def _too_few(groups: int, tests: int) -> str:
    """Why no pair can differ significantly with so few groups; "" if some can."""
    least = smallest_attainable_p(groups, tests)
    if least <= ALPHA:
        return ""
    needed = next(number for number in range(groups, 64) if smallest_attainable_p(number, tests) <= ALPHA)
    return (
        f"With {tests} pairs and {groups} patients, p (Holm) cannot fall below {least:.3g}, so every place is open; it "
        f"takes {needed} patients or more."
    )


def _place(name: str, areas: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, int]:
    """The rank by the mean, and the best and the worst that significance leaves open."""
    means = areas.mean()
    of_name = pairs[(pairs["model"] == name) | (pairs["other"] == name)]
    decided = of_name["better"] != ""
    better = int((decided & (of_name["better"] != name)).sum())
    worse = int((decided & (of_name["better"] == name)).sum())
    return {
        "rank": 1 + int((means > means[name]).sum()),
        "best_rank": 1 + better,
        "worst_rank": len(means) - worse,
    }


def _area(values: Float[np.ndarray, " g"], resamples: int, seed: int) -> dict[str, float]:
    low, high = mean_interval(values, resamples=resamples, seed=seed)
    return {"groups": len(values), "audc": float(values.mean()), "low": low, "high": high}
