"""What it changes to choose codes by distance and prior together."""

from collections.abc import Sequence

from kept.seeds import NOTE, cell, patient_means
from robustq.report.grid import Grid
from robustq.report.numbers import percent
from robustq.results.stress_run import Run

_KEYS = ["perturbation", "level", "network", "training", "group", "metric"]
_DIGITS = {"dice": 3, "hd95": 1}
_HEADER = ("network", "level", "Dice, nearest codes", "its change", "HD95 [px], nearest codes", "its change")


def decoded_grid(runs: Sequence[Run], where: str) -> Grid:
    """Dice and HD95 with the nearest codes, and the paired change with `--decode map`; `where` ends the title."""
    means = patient_means([run.to_frame() for run in runs], list(_DIGITS))
    is_map = means["network"].str.endswith("@map")
    nearest = means[~is_map]
    by_map = means[is_map].assign(network=means["network"].str.removesuffix("@map"))
    both = nearest.merge(by_map[[*_KEYS, "value"]], on=_KEYS, suffixes=("", "_by_map"))
    changes = both.assign(value=both["value_by_map"] - both["value"])
    sections: dict[str, list[list[str]]] = {}
    for (perturbation, level, network), change in changes.groupby(["perturbation", "level", "network"]):
        before = both.loc[change.index]
        cells = [
            cell(values[values["metric"] == metric], digits)
            for metric, digits in _DIGITS.items()
            for values in (before, change)
        ]
        sections.setdefault(str(perturbation), []).append([str(network), percent(float(level)), *cells])
    title = f"Codes chosen by distance and prior together (--decode map), {where}"
    return Grid(title, _HEADER, list(sections.items()), [NOTE], names=2)
