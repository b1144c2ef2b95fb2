"""The table of the change in volume of a run without labels."""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd, number, percent, with_interval
from robustq.statistics.volume_changes import ABSOLUTE, CHANGE, CV

_HEADER = (
    "model",
    "label",
    "level",
    "volume change [95 % interval]",
    "absolute change",
    "CV over draws",
    "vanished",
    "appeared",
)

_NOTES = (
    "volume change: the volume of a label in an answer minus that in the model's own answer to the unperturbed case, "
    "in % of the latter; mean over draws and the cases of a patient, then over patients. Changes up and down cancel "
    "out in it, and not in the absolute change (mean ± standard deviation over patients).",
    "CV over draws: the standard deviation of the volume over the draws of a case, divided by its mean.",
    "vanished: the number of answers without a label that the clean answer has. appeared: the number of answers with a "
    "label that the clean answer lacks, of all answers for which it lacks it; these have no volume change.",
)


def volume_grid(
    changes: pd.DataFrame,
    models: Sequence[str],
    perturbations: Sequence[str],
    domains: Mapping[str, str],
    *,
    sample: str,
    level_text: Callable[[float], str] = percent,
    highest: bool = False,
) -> Grid:
    """A line for each model, label and level above 0; a section for each perturbation and domain.

    Args:
        changes: what `volume_changes` gave for each domain, with the column `domain`.
        models: models in the order of the lines.
        perturbations: perturbations in the order of the sections.
        domains: for the name of each domain, its title.
        sample: description of the cases, for the title.
        level_text: what a reader sees of a level.
        highest: whether only the highest level is shown.
    """
    drawn = changes[changes["level"] > 0] if len(changes) else changes
    shown = drawn[drawn["level"] == drawn["level"].max()] if highest and len(drawn) else drawn
    sections = []
    for perturbation in perturbations if len(shown) else ():
        for domain, title in domains.items():
            own = shown[(shown["perturbation"] == perturbation) & (shown["domain"] == domain)]
            lines = [line for model in models for line in _lines(own[own["model"] == model], model, level_text)]
            if lines:
                sections.append((", ".join(filter(None, (perturbation, title))), lines))
    return Grid(f"Change in volume on {sample}", _HEADER, sections, _NOTES, names=2)


def _lines(rows: pd.DataFrame, model: str, level_text: Callable[[float], str]) -> Iterator[list[str]]:
    for _, figures in rows.groupby(["label", "level"], sort=False):
        of_metric = {row["metric"]: row for row in figures.to_dict("records")}
        change = of_metric[CHANGE]
        yield [
            model,
            str(change["label"]),
            level_text(change["level"]),
            _signed(change),
            mean_sd(of_metric[ABSOLUTE]["mean"], of_metric[ABSOLUTE]["sd"], 2),
            number(of_metric[CV]["mean"]) if CV in of_metric else "–",
            str(change["vanished"]),
            f"{change['appeared']} of {change['without_reference']}" if change["without_reference"] else "–",
        ]


def _signed(change: Mapping[Hashable, Any]) -> str:
    """`+3.10 [1.20, 5.00] %`; without the interval where there is none."""
    if math.isnan(change["mean"]):
        return "–"
    text = with_interval(f"{change['mean']:+.2f}", change["low"], change["high"], 2)
    return f"{text}\N{NO-BREAK SPACE}%"
