"""One line of a table: a figure of the paper beside ours."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from robustq.report.numbers import number
from robustq.statistics.crossed import crossed_mean
from robustq.statistics.group_means import GROUP, describe

NONE = "–"

Form = Callable[[float], str]
"""How a figure is printed."""


@dataclass(frozen=True)
class Value:
    """A figure as printed, and as numbers to draw.

    Attributes:
        text: as printed.
        value: the figure; NaN for none.
        low: lower end of its interval; NaN for none.
        high: upper end, likewise.
        interval: the interval as printed.
        sample: number of training seeds and of patients behind it, as printed.
    """

    text: str = NONE
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    interval: str = NONE
    sample: tuple[str, str] = (NONE, NONE)


@dataclass(frozen=True)
class Line:
    """A figure of the paper beside ours.

    Attributes:
        section: what the line belongs to, such as a data set.
        model: "UNet", "VQ-UNet", or the name of another model of the study.
        what: what the figure is of: a level, a noise, a label.
        paper: the paper's figure.
        ours: our figure.
        level: the level of a line that is a point of a curve; None for others.
        verdict: whether the figure settles a claim, in one word; "" where it is no claim.
    """

    section: str
    model: str
    what: str
    paper: Value
    ours: Value = field(default_factory=Value)
    level: float | None = None
    verdict: str = ""


def paper_value(mean: str, sd: str = "") -> Value:
    """A figure of the paper, with the spread that it prints."""
    return Value(with_spread(mean, sd), float(mean)) if mean else Value()


def our_value(means: pd.DataFrame, models: Sequence[str], form: Form = number) -> Value:
    """The mean of an architecture: over groups (patients), then mean ± sd over its networks (training seeds).

    The interval is that of a mean over seeds and patients, which are both samples (docs/definitions.md, Claims about
    architectures). It needs two of each, and takes the patients that have a value for every seed.

    Args:
        means: rows of `group_means` of one metric, perturbation and level.
        models: the networks of the architecture.
        form: how they are printed.
    """
    means = means[means["model"].isin(list(models))]
    if means.empty:
        return Value()
    table = means.pivot_table("value", "model", list(GROUP))
    networks = describe(table.mean(axis=1).to_numpy(float))
    text = with_spread(form(networks.mean), "" if math.isnan(networks.sd) else form(networks.sd))
    complete = table.dropna(axis=1).to_numpy(float)
    sample = (str(networks.size), str(complete.shape[1]))
    if not complete.size or not np.isfinite(complete).all():
        return Value(text, networks.mean, sample=sample)
    mean = crossed_mean(complete)
    return Value(text, networks.mean, mean.low, mean.high, interval(mean.low, mean.high, form), sample)


def interval(low: float, high: float, form: Form = number) -> str:
    """`[0.912, 0.944]`; a dash where there is none."""
    return NONE if math.isnan(low) else f"[{form(low)}, {form(high)}]"


def two_digits(value: float) -> str:
    """A figure with two decimals, for distances."""
    return number(value, 2)


def with_spread(mean: str, sd: str) -> str:
    """`0.95 ± 0.02`; the mean alone where there is no spread."""
    return f"{mean} ±\N{NO-BREAK SPACE}{sd}" if sd else mean
