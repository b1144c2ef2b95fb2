"""A threshold that promises to miss at most a tenth of the structures, and where noise breaks the promise."""

from collections.abc import Sequence

import pandas as pd

from kept.seeds import NOTE, cell, patient_means
from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.request.names import CLEAN
from robustq.results.analysis import Analysis
from robustq_guarantees.conformal_tables import ConformalRates

_SHOWN = ("conformal_fnr", "conformal_volume")
_METRICS = (*_SHOWN, *(f"clean_{metric}" for metric in _SHOWN))
_HEADER = ("network", "level", "FNR", "volume of the mask", "promise broken", "threshold of each seed")
_MEANING = (
    "FNR: share of the true voxels that the mask of the threshold misses; promised are at most 0.1 on images like "
    "those that calibrated it. Half of the test patients calibrate on clean images, the others are tested. Broken: the "
    "one-sided lower 95 % bound of the mean is above 0.1, and in how many training seeds it is. Volume: voxels of the "
    "mask over true voxels; an FNR says little without it."
)


def conformal_grid(analyses: Sequence[Analysis], where: str) -> Grid:
    """Missed voxels, volume of the masks and in how many seeds the promise breaks; `where` ends the title."""
    frames = [analysis.to_frame() for analysis in analyses]
    means = patient_means(frames, _METRICS)
    rates: dict[str, list[tuple[str, ConformalRates]]] = {}
    for analysis, frame in zip(analyses, frames, strict=True):
        for model in analysis.models:
            rates.setdefault(model.rsplit(" seed", 1)[0], []).append((model, ConformalRates(frame)))
    places = [(CLEAN, 0.0), *((name, level) for name, level in _places(means))]
    sections: dict[str, list[list[str]]] = {}
    for perturbation, level in places:
        for network, of_network in rates.items():
            line = _line(means[means["network"] == network], of_network, perturbation, level)
            sections.setdefault(perturbation, []).append([network, percent(level), *line])
    title = f"Conformal threshold, {where}"
    return Grid(title, _HEADER, list(sections.items()), [NOTE, _MEANING], names=2)


def _places(means: pd.DataFrame) -> list[tuple[str, float]]:
    """Every perturbation with each of its levels."""
    return list(means[["perturbation", "level"]].drop_duplicates().itertuples(index=False, name=None))


def _line(
    means: pd.DataFrame, rates: Sequence[tuple[str, ConformalRates]], perturbation: str, level: float
) -> list[str]:
    """The cells after the names; every piece measures the clean image too, so the first one gives it."""
    place = _places(means)[0] if perturbation == CLEAN else (perturbation, level)
    at = means[(means["perturbation"] == place[0]) & (means["level"] == place[1])]
    prefix = "clean_" if perturbation == CLEAN else ""
    shown = [cell(at[at["metric"] == f"{prefix}{metric}"]) for metric in _SHOWN]
    broken = sum(rate.bound(model, place[0], level) > rate.promised(model) for model, rate in rates)
    thresholds = ", ".join(number(rate.of_model(model, "conformal_threshold")) for model, rate in rates)
    return [*shown, f"{broken} of {len(rates)}", thresholds]
