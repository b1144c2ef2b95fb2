"""The tables of domain shift."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import digits_of, mean_sd, missed_text, number, with_interval, with_unit
from robustq.report.values import Values
from robustq.statistics.paired_tests import Interval


@dataclass(frozen=True)
class ShiftLine:
    """One architecture, trained on one domain and tested at one place.

    Attributes:
        architecture: name of the architecture.
        trained: the training domain.
        tested: the domain or the simulated shift.
        in_domain: whether it is tested on cases of the training domain, as they are.
        seeds: number of trained networks.
        groups: number of groups (patients).
        mean: mean over groups, then over networks.
        sd: sample standard deviation over networks; of one network, over groups.
        drop: what is lost from the training domain; None in the training domain, or where that is not known.
        against: this drop minus that of the baseline; None where there is none.
        counts: number of missed structures and of missing answers.
    """

    architecture: str
    trained: str
    tested: str
    in_domain: bool
    seeds: int
    groups: int
    mean: float
    sd: float
    drop: Interval | None
    against: Interval | None
    counts: tuple[int, int]


def shift_grid(
    lines: Sequence[ShiftLine],
    metric: str,
    unit: str,
    *,
    data: str,
    baseline: str | None,
    higher_is_better: bool,
    distance: bool,
    missing: str,
    notes: Sequence[str] = (),
) -> Grid:
    """A section for each training domain, a line for each architecture and place.

    Args:
        lines: the lines of the metric.
        metric: text of the metric.
        unit: its unit, "" if it has none.
        data: name of the data, for the title.
        baseline: architecture whose drops are subtracted; None for none.
        higher_is_better: whether a larger value of the metric is a better one.
        distance: whether the policy for missed structures applies to the metric.
        missing: that policy.
        notes: notes on models and sample.
    """
    digits = digits_of(unit)
    sections = []
    for trained in dict.fromkeys(line.trained for line in lines):
        rows = [
            [
                line.architecture,
                f"{line.tested} (in domain)" if line.in_domain else line.tested,
                mean_sd(line.mean, line.sd, digits) + missed_text(line.counts[0], distance, line.counts[1]),
                _interval(line.drop, digits),
                *([_interval(line.against, digits)] if baseline is not None else []),
                str(line.seeds),
                str(line.groups),
            ]
            for line in lines
            if line.trained == trained
        ]
        sections.append((f"trained on {trained}" if trained != "?" else "trained on no domain of these data", rows))
    what = with_unit(metric, unit)
    header = ["architecture", "tested on", what, "drop [95 % interval]"]
    header += [f"drop minus that of {baseline}"] if baseline is not None else []
    fall = "the value in domain minus the value here" if higher_is_better else "the value here minus that in domain"
    reading_notes = [
        "Each figure: the mean over groups (patients), then mean ± sd over training seeds; of one network, ± sd over "
        "groups.",
        f"drop: {fall}, so more is worse. Its interval resamples the patients of both domains (of a simulated shift, "
        "the same patients in both); the training seeds are fixed, so it is an interval for these networks.",
        "in domain: held-out cases of the training domain. Those that chose the best epoch make it look a little too "
        "good, and the drop with it.",
        *([f"Missed structures count by --missing {missing}."] if distance else []),
        *notes,
    ]
    return Grid(f"{what} across domains of {data}", [*header, "seeds", "groups"], sections, reading_notes)


def token_grid(rows: pd.DataFrame, trained: Mapping[str, str]) -> Grid:
    """The share of tokens beyond the radius r_k and beyond the margin of their code, in each domain.

    Args:
        rows: rows of the analysis `occupancy`.
        trained: for each model, its training domain.
    """
    measured = rows[rows["metric"].isin(["beyond_radius", "beyond_margin"])]
    sections = []
    for model, of_model in measured.groupby("model", sort=False):
        lines = []
        for domain, of_domain in of_model.groupby("domain", sort=False):
            values = Values(of_domain)
            cells = [values.cell(str(model), metric, "clean", 0.0, 3) for metric in ("beyond_radius", "beyond_margin")]
            name = str(domain)
            lines.append([f"{name} (in domain)" if name == trained[str(model)] else name, *cells])
        sections.append((str(model), sorted(lines, key=lambda line: "(in domain)" not in line[0])))
    return Grid(
        "Tokens far from their code, by domain",
        ["tested on", "|e - l_k| > r_k", "|e - l_k| > m"],
        sections,
        [
            "Shares of tokens of unperturbed cases, mean ± sd over groups (patients). l_k: the vector of the token's "
            "code. r_k: half the distance from it to the nearest other one. m: the exact margin of the token.",
            "The paper expects more tokens beyond r_k in a new domain. A token beyond m lies nearer to the border of "
            "its cell than to the vector of its code.",
        ],
    )


def _interval(interval: Interval | None, digits: int) -> str:
    if interval is None or math.isnan(interval.estimate):
        return "–"
    return with_interval(number(interval.estimate, digits), interval.low, interval.high, digits)
