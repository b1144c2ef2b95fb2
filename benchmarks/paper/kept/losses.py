"""What each trained network loses under noise, and in another hospital."""

from collections.abc import Sequence

import pandas as pd

from kept.seeds import with_networks
from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd
from robustq.results.stress_run import Run
from robustq.statistics.domain_drop import domain_drop

_BY = ["network", "training", "domain", "perturbation", "level", "group"]


def drop_grid(runs: Sequence[Run]) -> Grid:
    """What each trained network loses from 0 to 30 %."""
    means = domain_means(runs, "dice").groupby(["network", "perturbation", "training", "level"]).mean()
    drops = (means.xs(0.0, level="level") - means.xs(30.0, level="level")).unstack("training")
    lines = [
        [*map(str, names), *(f"{drop:.3f}" for drop in row)]
        for names, row in zip(drops.index, drops.to_numpy(), strict=True)
    ]
    header = ["network", "perturbation", *(f"seed {seed.removeprefix('seed')}" for seed in drops.columns)]
    return Grid("Loss of Dice from 0 to 30 %, each trained network", header, [("", lines)], [])


def shift_grid(runs: Sequence[Run], metric: str, digits: int, *, home: str, away: str) -> Grid:
    """Clean answers in both domains, and the drop with the interval of `robustq shift`.

    Args:
        runs: runs of `robustq shift`.
        metric: the metric.
        digits: decimal places.
        home: the domain of the training cases.
        away: the other domain.
    """
    means = domain_means(runs, metric).xs(0.0, level="level")
    lines = []
    for network, of_network in means.groupby("network"):
        of_seeds = of_network.groupby(["training", "domain"]).mean().unstack("domain")
        patients = of_network.groupby(["domain", "group"]).mean()
        first, second = (patients[domain].to_numpy(float) for domain in (home, away))
        sign = 1 if metric == "dice" else -1
        drop = domain_drop(first, second)
        low, high = sorted((sign * drop.low, sign * drop.high))
        words = f"{sign * drop.estimate:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
        sides = [mean_sd(of_seeds[domain].mean(), of_seeds[domain].std(), digits) for domain in (home, away)]
        by_seed = sign * (of_seeds[home] - of_seeds[away])
        lines.append([str(network), *sides, words, f"{by_seed.std():.{digits}f}"])
    groups = means.reset_index().groupby("domain")["group"].nunique()
    title = (
        f"{metric} of clean images, trained on {home.title()}: {groups[home]} patients there, {groups[away]} of "
        f"{away.title()}, "
        f"{means.index.unique('training').size} training seeds"
    )
    header = ["network", home.title(), away.title(), "drop [95 % interval over patients]", "its sd over seeds"]
    return Grid(title, header, [("", lines)], [])


def domain_means(runs: Sequence[Run], metric: str) -> pd.Series:
    """The mean over draws and labels, then over cases, of every patient, for each network, seed, domain, ..."""
    rows = pd.concat([run.to_frame() for run in runs])
    rows = rows.assign(domain=rows["domain"].str.rsplit("/").str[-1])  # of several datasets: "dataset/domain"
    means: pd.Series = with_networks(rows[rows["metric"] == metric]).groupby(_BY)["value"].mean()
    return means
