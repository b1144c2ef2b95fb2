"""Which signal tells, without the truth, that an answer is bad: over training seeds."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kept.seeds import with_networks
from robustq.report.grid import Grid
from robustq.report.numbers import percent
from robustq.results.analysis import Analysis
from robustq.statistics.risk_coverage import (
    Statistic,
    Times,
    excess_aurc,
    failure_auroc,
    group_resamples,
    resampled,
    spearman,
)
from robustq_latent.answer_table import UNIT, answer_table
from robustq_latent.estimate import Estimate
from robustq_latent.failure_signals import SIGNALS, confidence
from robustq_latent.failure_tables import failure_rows

THRESHOLD = 0.8
FIRST = next(iter(SIGNALS))
NOTE = (
    "A cell: mean over the training seeds, and in brackets its 95 % bootstrap interval over patients (2000 resamples, "
    "the same for every signal and seed)."
)


@dataclass(frozen=True)
class Answers:
    """The answers of the networks of one architecture, one table for each training seed, to the same images."""

    tables: Sequence[pd.DataFrame]

    @property
    def signals(self) -> list[str]:
        """The signals that every answer has, and that are not the same for all answers of a seed."""
        return [name for name in SIGNALS if all(name in table and _varies(table[name]) for table in self.tables)]

    @property
    def failures(self) -> int:
        """Number of answers with a Dice below the threshold."""
        return sum(int((table["answer_dice"] < THRESHOLD).sum()) for table in self.tables)

    def estimate(self, statistic: Statistic, signal: str, minus: str = "") -> Estimate:
        """The mean over training seeds of a statistic of a signal, or of its difference from that of another signal."""

        def of(table: pd.DataFrame, name: str, times: Times) -> np.ndarray:
            return resampled(
                statistic, confidence(name, table[name].to_numpy()), table["answer_dice"].to_numpy(), times
            )

        def mean(times: Times) -> np.ndarray:
            estimates = [of(table, signal, times) - (of(table, minus, times) if minus else 0) for table in self.tables]
            return np.mean(estimates, axis=0)

        groups = self.tables[0][UNIT].to_numpy(str)
        return Estimate.of(mean, group_resamples(groups), len(set(groups)))


def _varies(values: pd.Series) -> bool:
    return bool(values.notna().all()) and values.nunique() > 1


Found = tuple[str, float, str, Answers]
"""Perturbation, level and network with its answers."""


def answers_of(analyses: Sequence[Analysis]) -> Iterator[Found]:
    """The answers of every perturbation, level and network."""
    rows = with_networks(pd.concat([failure_rows(analysis.to_frame()) for analysis in analyses], ignore_index=True))
    for (perturbation, level, network), chosen in rows.groupby(["perturbation", "level", "network"], sort=True):
        tables = [answer_table(of_seed, "answer_dice") for _, of_seed in chosen.groupby("training")]
        yield str(perturbation), float(level), str(network), Answers(tables)


def signals_grids(analyses: Sequence[Analysis], where: str) -> Sequence[Grid]:
    """E-AURC, AUROC and rank correlation of each signal, and how often each signal is best; `where` ends the titles."""
    found = list(answers_of(analyses))
    excess = (
        "E-AURC: what the area under the risk-coverage curve is above that of the order by Dice itself; 0 is perfect, "
        "lower is better."
    )
    told = (
        f"How often an answer with a Dice below {THRESHOLD:g} has less confidence than another; 0.5 says nothing, 1 is "
        "perfect. – where a training seed has no failure, or nothing but failures."
    )
    return [
        _grid(f"E-AURC of each signal of failure, {where}", found, excess_aurc, excess),
        _grid(f"AUROC of a failure, {where}", found, failure_auroc(THRESHOLD), told),
        _grid(f"Rank correlation of confidence with Dice, {where}", found, spearman, "Spearman; 1 is perfect."),
        _best_grid(found, where),
    ]


def _grid(title: str, found: Sequence[Found], statistic: Statistic, note: str) -> Grid:
    sections: dict[str, list[list[str]]] = {}
    for perturbation, level, network, answers in found:
        cells = [str(answers.estimate(statistic, signal)) if signal in answers.signals else "–" for signal in SIGNALS]
        if set(cells) != {"–"}:
            failures = f"{answers.failures} of {sum(map(len, answers.tables))}"
            sections.setdefault(perturbation, []).append([network, percent(level), failures, *cells])
    header = ["network", "level", "failures", *SIGNALS.values()]
    return Grid(title, header, list(sections.items()), [NOTE, note], names=2)


def _best_grid(found: Sequence[Found], where: str) -> Grid:
    """How often each signal has the least E-AURC, and is settled better or worse than the first signal."""
    best: Counter[str] = Counter()
    better: Counter[str] = Counter()
    worse: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for _, _, _, answers in found:
        areas = {signal: answers.estimate(excess_aurc, signal).value for signal in answers.signals}
        best[min(areas, key=lambda signal: areas[signal])] += 1
        for signal in answers.signals:
            shown[signal] += 1
            if signal != FIRST:
                difference = answers.estimate(excess_aurc, signal, FIRST)
                better[signal] += difference.high < 0
                worse[signal] += difference.low > 0
    lines = [
        [SIGNALS[signal], str(shown[signal]), str(best[signal])]
        + ([str(better[signal]), str(worse[signal])] if signal != FIRST else ["–", "–"])
        for signal in SIGNALS
    ]
    header = ["signal", "lines", "least E-AURC", f"better than {SIGNALS[FIRST]}", f"worse than {SIGNALS[FIRST]}"]
    note = (
        "Lines: those of the table of E-AURC in which every answer has the signal. Better, worse: lines in which the "
        "95 % interval of the paired difference lies on one side of 0, not corrected for the number of lines."
    )
    return Grid(f"How often a signal of failure is best, {where}", header, [("", lines)], [note])
