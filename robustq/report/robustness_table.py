"""The table and the sentences on what models lose from level 0 on, compared with a baseline."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from robustq.report.averaged_note import averaged_note
from robustq.report.grid import Grid
from robustq.report.numbers import count, difference_text, digits_of, interval_of_amount, number, percent, with_unit
from robustq.statistics.robustness_differences import ALL

_NOT_SETTLED = ", not settled, because the interval contains 0"

_TITLES = {"clean": "level 0", "drop": "drop", "retention": "retention", "audc": "AUDC"}


def robustness_grid(
    compared: pd.DataFrame,
    metric: str,
    unit: str,
    *,
    caption: str,
    higher_is_better: bool = True,
    distance: bool = False,
    heads: Sequence[str] = (),
) -> Grid:
    """Drop, retention and AUDC of each model and of the baseline, with the difference; a section for each measure.

    Args:
        compared: what `robustq.statistics.compare_robustness` gave for the metric; not empty.
        metric: text of the metric.
        unit: its unit, "" if it has none.
        caption: names the runs in the title.
        higher_is_better: whether a larger value of the metric is a better one.
        distance: whether the policy for missed structures applies to the metric.
        heads: sentences above the table.
    """
    baseline = str(compared["baseline"].iloc[0])
    digits = digits_of(unit)
    sections = []
    for (model, measure), rows in compared.groupby(["model", "measure"], sort=False):
        # Level 0 is the same under every perturbation.
        shown = rows.iloc[-1:] if measure == "clean" else rows
        lines = [[_where(row), *_figures(row, digits)] for row in shown.to_dict("records")]
        sections.append((f"{model}: {_TITLES[str(measure)]}", lines))
    rise = "its value at the highest level minus that at level 0"
    fall = "its value at level 0 minus that at the highest level"
    shares = {"retention", "audc"} & set(compared["measure"])
    reading_notes = [
        f"difference: the model minus {baseline}, paired by group (patient), with its 95 % interval (expanded "
        "percentile bootstrap over groups). Where the interval contains 0, there may be no difference.",
        f"drop: {fall if higher_is_better else rise}; a negative difference means that the model loses less.",
        *(
            ["retention: the value at the highest level divided by that at level 0. AUDC: the area under the curve."]
            if shares
            else []
        ),
        *(
            ["Missed structures are part of these distances; the next table has their number at each level."]
            if distance
            else []
        ),
        *([averaged_note(averaged)] if (averaged := int(compared["perturbations"].max())) > 1 else []),
    ]
    header = ["perturbation", baseline, "model", "difference [95 % interval]", "groups"]
    title = f"Robustness in {with_unit(metric, unit)}, compared with {baseline}, {caption}"
    return Grid(title, header, sections, reading_notes, heads)


def robustness_verdicts(compared: pd.DataFrame, metric: str, unit: str, *, higher_is_better: bool = True) -> list[str]:
    """For each model, what it loses from level 0 to the highest level, compared with the baseline.

    One sentence on the mean over perturbations, where there is one, else one for each perturbation.

    Args:
        compared: as in `robustness_grid`.
        metric: text of the metric.
        unit: its unit, "" if it has none.
        higher_is_better: whether a larger value of the metric is a better one.
    """
    sentences = []
    for model, rows in compared.groupby("model", sort=False):
        leading = rows[rows["perturbations"] == rows["perturbations"].max()]
        for _, curve in leading.groupby("perturbation", sort=False):
            clean, drop = (curve[curve["measure"] == measure].iloc[0].to_dict() for measure in ("clean", "drop"))
            sentences.append(_verdict(str(model), clean, drop, metric, unit, higher_is_better))
    return sentences


def _verdict(
    model: str, clean: Mapping[str, Any], drop: Mapping[str, Any], metric: str, unit: str, higher_is_better: bool
) -> str:
    baseline, digits = drop["baseline"], digits_of(unit)
    of_unit = f" {unit}" if unit else ""
    span = "from level 0 to the highest level" if pd.isna(drop["level"]) else f"from 0 to {percent(drop['level'])}"
    several = int(drop["perturbations"])
    where = f"{span}, over {several} perturbations ({ALL})" if several > 1 else f"{span} {drop['perturbation']}"
    sample = f"{count(int(drop['groups']), 'patient')}, one network each: no claim about architectures"
    if pd.isna(drop["difference"]):
        return f"{model} and {baseline} cannot be compared in {metric} {where}: there is no finite value ({sample})."
    amount = f"{_amount(drop, digits)}{of_unit}"
    less = "less" if drop["difference"] < 0 else "more"
    comparison = (
        f"{model} loses {amount} {less} {metric} than {baseline} {where}"
        if higher_is_better
        else f"The {metric} of {model} rises by {amount} {less} than that of {baseline} {where}"
    )
    if drop["difference"] == 0:
        comparison = f"{model} and {baseline} lose equally much {metric} {where}"
    lost = f"{comparison}{_doubt(drop)} ({sample})."
    if pd.isna(clean["difference"]):
        return lost
    if clean["difference"] == 0:
        return f"{lost} At 0\N{NO-BREAK SPACE}%, their {metric} is equal."
    side = "higher" if clean["difference"] > 0 else "lower"
    at_zero = f"{_amount(clean, digits)}{of_unit} {side}"
    return f"{lost} At 0\N{NO-BREAK SPACE}%, its {metric} is {at_zero}{_doubt(clean)}."


def _doubt(row: Mapping[str, Any]) -> str:
    """What is said of a difference that is not settled; "" where the interval excludes 0, or nothing differs."""
    if row["difference"] == 0 or row["low"] > 0 or row["high"] < 0:
        return ""
    return ", not settled, because there is no interval" if pd.isna(row["low"]) else _NOT_SETTLED


def _amount(row: Mapping[str, Any], digits: int) -> str:
    """The absolute value of the difference with its interval, as `0.021 [0.012, 0.030]`."""
    value, low, high = row["difference"], row["low"], row["high"]
    amount = f"{abs(value):.{digits}f}"
    return amount if pd.isna(low) else f"{amount} {interval_of_amount(value, low, high, digits)}"


def _where(row: Mapping[Any, Any]) -> str:
    if row["measure"] == "clean":
        return percent(0)
    name = str(row["perturbation"])
    return name if pd.isna(row["level"]) else f"{name}, {percent(row['level'])}"


def _figures(row: Mapping[Any, Any], digits: int) -> list[str]:
    return [
        number(row["baseline_value"], digits),
        number(row["value"], digits),
        difference_text(row["difference"], row["low"], row["high"], digits),
        str(int(row["groups"])),
    ]
