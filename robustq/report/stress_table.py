"""The table of a stress run: every model at every level, one section for each perturbation and domain."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from robustq.metric import reference_of
from robustq.report.grid import Grid
from robustq.report.numbers import (
    NO_ANSWER_NOTE,
    count,
    digits_of,
    interval,
    listed,
    mean_sd,
    median_iqr,
    missed_text,
    number,
    percent,
)
from robustq.report.stress_curves import DomainCurves, StressCurves
from robustq.request.names import is_transferred
from robustq.statistics import audc, retention
from robustq.statistics.group_means import answered_means
from robustq.statistics.robustness_differences import ALL

LOW = 0.5
"""A clean Dice below this makes retention meaningless: there is little to retain."""

MISSING = {
    "diagonal": "A structure that a model misses counts as far away as possible: as far as the diagonal of the image.",
    "inf": "A structure that a model misses counts as infinitely far away.",
    "drop": "A structure that a model misses is left out for this model alone, so the models are scored on different "
    "samples. robustq compare scores two models on the same sample.",
}
"""For each policy for missed structures, the sentence that explains it."""


def missing_policy(missing: str, *, is_share: bool) -> str:
    """How a metric of surfaces counts a structure that a model misses, in a sentence.

    Args:
        missing: the policy, one of `MISSING`.
        is_share: whether the metric is a share, such as NSD, and no distance.
    """
    return "A structure that a model misses scores 0." if is_share and missing != "drop" else MISSING[missing]


def worst_notes(competing: Mapping[str, Sequence[str]]) -> list[str]:
    """For each name under which worst answers stand, what they are, as a sentence without its full stop.

    Args:
        competing: for each name, the attacks and transfers of which each image's worst answer is taken.
    """
    return [
        f"{name}: for each image, the answer with the lowest Dice (mean over labels), of all draws of "
        f"{listed([attack for attack in shown if not is_transferred(attack)])}, transfers included"
        for name, shown in competing.items()
    ]


def curve_grid(curves: StressCurves) -> Grid:
    """Mean ± sd over groups for each model and level, with retention, AUDC and codes in use."""
    rows = curves.rows
    if rows.empty:
        title = f"{curves.metric} on {curves.data}: no value, because no true mask shows a label"
        return Grid(title, ["model"], [("", [[model] for model in curves.models])], curves.notes, curves.heads)
    levels = sorted(rows["level"].unique())
    infinite = bool(np.isinf(rows["mean"].to_numpy(float)).any())
    # If misses are left out, levels can have different samples, and a curve over them has no meaning.
    # The mean over perturbations has its own sample, the groups that have a value everywhere.
    derived = [ALL, *curves.competing]
    single = [domain.rows[~domain.rows["perturbation"].isin(derived)] for domain in curves.domains]
    answered = [rows[rows["unanswered"] == 0] for rows in single]
    same_sample = all(rows["groups"].nunique() <= 1 for rows in answered)
    curve_figures = curves.is_share and len(levels) > 1 and same_sample and not curves.level_names
    header = ["model", *(curves.level_text(level) for level in levels)]
    header += ["retention", "AUDC"] if curve_figures else []
    sections = []
    for name, title in _parts(curves):
        for domain in curves.domains:
            lines = list(_lines(curves, domain, name, infinite, curve_figures))
            if lines:
                sections.append((", ".join(filter(None, (title, domain.title))), lines))
    notes = [*_reading(curves, infinite, curve_figures, max(levels)), *_little(curves, curve_figures), *curves.notes]
    heads = [*curves.heads, *(domain.about for domain in curves.domains if domain.about)]
    return Grid(_title(curves, infinite), [*header, "codes in use"], sections, notes, heads)


def _parts(curves: StressCurves) -> Iterator[tuple[str, str]]:
    """The parts of the table in their order: the name in the rows, and the title. The worst answers stand first of the
    attacks."""
    worst = list(curves.competing)
    for perturbation, transfers in curves.perturbations.items():
        if any(perturbation in shown for shown in curves.competing.values()):
            yield from ((name, f"{name} of all attacks") for name in worst)
            worst = []
        yield from ((name, name) for name in (perturbation, *transfers))
    if curves.averaged:
        yield ALL, f"all: mean over {len(curves.averaged)} perturbations"


def _title(curves: StressCurves, infinite: bool) -> str:
    average = "median (quartiles)" if infinite else "mean ± sd"
    least, groups = int(curves.rows["groups"].min()), int(curves.rows["groups"].max())
    over = count(groups, "group") if least == groups else f"{least} to {groups} groups"
    per_domain = " per domain" if len(curves.domains) > 1 else ""
    return ", ".join(
        filter(None, (f"{curves.label} on {curves.data}: {average} over {over}{per_domain}", curves.draws))
    )


def _curve(domain: DomainCurves, perturbation: str, model: str) -> pd.DataFrame:
    rows = domain.rows
    return rows[(rows["perturbation"] == perturbation) & (rows["model"] == model)].sort_values("level")


def _lines(
    curves: StressCurves, domain: DomainCurves, perturbation: str, infinite: bool, curve_figures: bool
) -> Iterator[list[str]]:
    """The lines of a section: one for each model that was shown the perturbation."""
    shown = sorted(curves.rows["level"].unique())
    for model in curves.models:
        curve = _curve(domain, perturbation, model)
        if curve.empty:  # a transferred attack that this model was not shown
            continue
        digits = digits_of(curves.unit)
        # A target can be out of reach for all cases.
        records = {row["level"]: row for row in curve.to_dict("records")}
        cell_at = {level: _cell(row, digits, infinite, curves) for level, row in records.items()}
        if perturbation in curves.competing:
            ends = {level: interval(row["low"], row["high"], digits) for level, row in records.items()}
            cell_at = {level: f"{cell} {ends[level]}" for level, cell in cell_at.items()}
        cells = [cell_at.get(level, "–") for level in shown]
        if curve_figures:
            means, levels = answered_means(curve), curve["level"].to_numpy(float)
            cells += [number(float(retention(levels, means)[-1])), number(audc(levels, means))]
        yield [model, *cells, domain.codes[model]]


def _cell(row: Mapping[Hashable, Any], digits: int, infinite: bool, curves: StressCurves) -> str:
    if infinite:
        text = median_iqr(row["median"], row["q1"], row["q3"], digits)
    else:
        text = mean_sd(row["mean"], row["sd"], digits)
    # Where a target is out of reach for some cases, a column has a sample of its own.
    fewer = f" ({count(row['groups'], 'group')})" if curves.level_names and row["groups"] < curves.most_groups else ""
    return text + missed_text(row["missed"], curves.measures_distance, row["unanswered"]) + fewer


def _reading(curves: StressCurves, infinite: bool, curve_figures: bool, highest: float) -> list[str]:
    """Notes on how to read the figures of the table."""
    spread = "median over groups, quartiles in brackets" if infinite else "mean over groups ± their standard deviation"
    notes = [
        "Each figure: the mean over draws (random repetitions of the noise), labels and cases of a group (a patient), "
        f"then the {spread}.",
    ]
    if not curves.level_names:
        notes.append(f"A column in % is a level, the strength of the perturbation; at {percent(0)} nothing is changed.")
    if curve_figures:
        notes += [
            f"retention: the mean at {percent(highest)} divided by the mean at {percent(0)}; 1 means that nothing is "
            "lost.",
            f"AUDC: the area under the curve of {curves.metric} from {percent(0)} to {percent(highest)}, divided by "
            "this range; 1 is perfect.",
        ]
    if curves.averaged:
        weighed = "Levels of two perturbations are not equally strong"
        if curves.level_names:
            weighed = "At equal image quality, two perturbations can still do unequal harm"
        notes.append(
            f"{ALL}: the mean over the {len(curves.averaged)} perturbations that are no attacks, each counted once, of "
            f"the patients that have a value under all of them. {weighed}, so it ranks models only for this choice of "
            "perturbations and levels."
        )
    notes += [
        f"{note}; in brackets the 95 % interval of the mean over groups. A stronger attack could do more harm."
        for note in worst_notes(curves.competing)
    ]
    if any(codes != "–" for domain in curves.domains for codes in domain.codes.values()):
        notes.append(
            "codes in use: how many codes of its codebook a model uses for the unperturbed cases; – without a codebook."
        )
    if curves.measures_distance:
        policy = missing_policy(curves.missing, is_share=curves.is_share)
        notes.append(
            f"{policy} (N missed) beside a figure: the number of answers without a structure that "
            f"{reference_of(curves.metric)} has. Each case, label and draw gives one answer."
        )
    if curves.rows["unanswered"].any():
        notes.append(NO_ANSWER_NOTE)
    return notes


def _little(curves: StressCurves, curve_figures: bool) -> list[str]:
    """Notes on models whose retention means little."""
    if not curve_figures:
        return []
    notes = []
    for domain in curves.domains:
        clean = domain.rows[(domain.rows["level"] == 0) & (domain.rows["mean"] < LOW)]
        place = f" on {domain.title}" if domain.title else ""
        for model in (model for model in curves.models if model in set(clean["model"])):
            notes.append(
                f"{model} has little to retain{place}: its {curves.metric} at {percent(0)} is below {LOW:g}, so its "
                "retention says little."
            )
    return notes
