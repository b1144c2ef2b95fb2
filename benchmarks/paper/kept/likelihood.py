"""Whether codes that a prior finds improbable tell perturbed images and bad answers: over training seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kept.seeds import NOTE, cell, with_networks
from kept.signals import THRESHOLD
from robustq.report.grid import Grid
from robustq.report.numbers import percent
from robustq.request.names import CLEAN
from robustq.results.analysis import Analysis
from robustq.statistics.group_means import group_means
from robustq.statistics.risk_coverage import Times, failure_auroc, group_resamples, resampled
from robustq_latent.estimate import Estimate
from robustq_latent.likelihood_tables import DICE, NATS, Images

_AUROC_NOTE = (
    "AUROC of perturbed: how often a perturbed image has more nats than a clean one. AUROC of a failure: how often an "
    f"answer with a Dice below {THRESHOLD:g} has more nats than another; – where a seed has none. Both: mean over "
    "training seeds, and its interval over patients; 0.5 says nothing. Nats do not compare networks."
)


def likelihood_grid(analyses: Sequence[Analysis], where: str) -> Grid:
    """Nats a token and both AUROC, for each network with a prior, noise and level; `where` ends the title."""
    rows = with_networks(pd.concat([analysis.to_frame() for analysis in analyses], ignore_index=True))
    rows = rows[rows["metric"].isin([NATS, DICE])]
    means = with_networks(group_means(rows[rows["metric"] == NATS]))
    clean = {network: _by_seed(of_network) for network, of_network in rows[rows["level"] == 0].groupby("network")}
    sections: dict[str, list[list[str]]] = {CLEAN: []}
    for network, of_network in means[means["level"] == 0].groupby("network"):
        sections[CLEAN].append([str(network), percent(0.0), cell(of_network), "–", "–"])
    for (perturbation, level, network), drawn in rows[rows["level"] > 0].groupby(["perturbation", "level", "network"]):
        if not (drawn["metric"] == NATS).any():
            continue
        chosen = (means["perturbation"] == perturbation) & (means["level"] == level) & (means["network"] == network)
        images = _by_seed(drawn)
        of_perturbed, of_failure = _of_perturbed(clean[str(network)], images), _of_failure(images)
        line = [str(network), percent(float(level)), cell(means[chosen]), str(of_perturbed), str(of_failure)]
        sections.setdefault(str(perturbation), []).append(line)
    header = ["network", "level", "nats a token", "AUROC of perturbed", "AUROC of a failure"]
    title = f"Likelihood of codes, {where}"
    return Grid(title, header, list(sections.items()), [NOTE, _AUROC_NOTE], names=2)


def _by_seed(rows: pd.DataFrame) -> list[Images]:
    seeds = rows.groupby("training")
    return [Images(of_seed) for _, of_seed in seeds if (of_seed["metric"] == NATS).any()]


def _of_perturbed(clean: Sequence[Images], drawn: Sequence[Images]) -> Estimate:
    pairs = list(zip(clean, drawn, strict=True))
    is_clean = [np.repeat([1.0, 0.0], [len(first.nats), len(second.nats)]) for first, second in pairs]
    nats = [np.concatenate([first.nats, second.nats]) for first, second in pairs]
    groups = np.concatenate([clean[0].group_of, drawn[0].group_of])
    return _mean_auroc(nats, is_clean, groups, 0.5)


def _of_failure(drawn: Sequence[Images]) -> Estimate:
    return _mean_auroc([each.nats for each in drawn], [each.dice for each in drawn], drawn[0].group_of, THRESHOLD)


def _mean_auroc(
    nats: Sequence[np.ndarray], dice: Sequence[np.ndarray], groups: np.ndarray, threshold: float
) -> Estimate:
    """The mean over training seeds of the AUROC of Dice below the threshold, with its interval over patients."""
    statistic = failure_auroc(threshold)

    def mean(times: Times) -> np.ndarray:
        of_seeds = [resampled(statistic, -some, others, times) for some, others in zip(nats, dice, strict=True)]
        averaged: np.ndarray = np.mean(of_seeds, axis=0)
        return averaged

    return Estimate.of(mean, group_resamples(groups), len(set(groups)))
