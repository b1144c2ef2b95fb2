"""The table of claims about architectures."""

from collections.abc import Sequence

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import digits_of, number, p_value, with_interval, with_unit

_MEASURES = {"clean": "level 0", "drop": "drop", "audc": "AUDC"}


def architecture_claims_grid(
    claims: pd.DataFrame, metric: str, unit: str, *, caption: str, higher_is_better: bool, notes: Sequence[str] = ()
) -> Grid:
    """The difference of each architecture from the baseline, with its interval, p and verdict.

    Args:
        claims: what `robustq.statistics.claims_about_architectures` gave for the metric.
        metric: text of the metric.
        unit: its unit, "" if it has none.
        caption: names the runs in the title.
        higher_is_better: whether a larger value of the metric is a better one.
        notes: notes on models and sample.
    """
    baseline, digits = str(claims["baseline"].iloc[0]), digits_of(unit)
    sections = []
    for (architecture, measure), rows in claims.groupby(["architecture", "measure"], sort=False):
        # Level 0 is the same under every perturbation.
        shown = rows.iloc[-1:] if measure == "clean" else rows
        lines = [
            [
                "any" if measure == "clean" else str(line["perturbation"]),
                with_interval(number(line["difference"], digits), line["low"], line["high"], digits),
                str(line["seeds"]),
                str(line["groups"]),
                p_value(line["p"]),
                p_value(line["p_holm"]),
                str(line["verdict"]),
            ]
            for line in shown.to_dict("records")
        ]
        sections.append((f"{architecture}: {_MEASURES[str(measure)]}", lines))
    lost = "level 0 minus the highest level" if higher_is_better else "the highest level minus level 0"
    return Grid(
        f"Claims about architectures in {with_unit(metric, unit)}, compared with {baseline}, {caption}",
        ["perturbation", "difference [95 % interval]", "seeds", "groups", "p", "Holm", "verdict"],
        sections,
        [
            f"difference: the architecture minus {baseline}, the mean over training seeds and groups (patients), both "
            "of which are samples; the networks are paired by training seed. drop: " + lost + "; a negative difference "
            "means that the architecture loses less.",
            "verdict: with fewer than 5 seeds, a claim holds if the means of all seeds have the same sign and the "
            "interval excludes 0; from 5 seeds on, if p is below 0.05 after Holm's correction over all lines. "
            "Otherwise it depends: on the seed, on the patient, or on how many of them there are.",
            "The networks share one data set, one recipe and one split: other ones are not part of the interval.",
            *notes,
        ],
    )
