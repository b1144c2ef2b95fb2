"""The table of Dice under attack by the size of the structure."""

from collections.abc import Sequence

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd, number, percent, significant
from robustq.statistics.by_size import THIRDS

NOTES = (
    "Each figure: the Dice of the worst answer to all attacks, the mean over the structures of a group (a patient), "
    "then the mean over groups ± their standard deviation.",
    "size: the structures of a label in thirds by the volume of the truth, and the volumes at both ends of a third. A "
    "small structure has few voxels to lose, so its Dice falls by more when a voxel changes.",
)


def size_grid(sizes: pd.DataFrame, models: Sequence[str], data: str, unit: str) -> Grid:
    """A section for each label and kind of attacks, a line for each model and third.

    Args:
        sizes: what `robustq.statistics.by_size` gave.
        models: names of the models, in the order of the lines.
        data: name of the dataset.
        unit: unit of the volumes.
    """
    levels = sorted(sizes["level"].unique())
    order = {model: place for place, model in enumerate(models)}
    sections = []
    for (perturbation, label), of_label in sizes.groupby(["perturbation", "label"]):
        lines = []
        for (model, _), curve in of_label.groupby(["model", "third"]):
            at_level = {row["level"]: row for row in curve.to_dict("records")}
            first = at_level[levels[0]]
            ends = f"{_volume(first['smallest'])} to {_volume(first['largest'])} {unit}"
            cells = [mean_sd(at_level[level]["mean"], at_level[level]["sd"]) for level in levels]
            lines.append([str(model), f"{THIRDS[first['third']]}: {ends}", str(first["structures"]), *cells])
        lines.sort(key=lambda line: order[line[0]])
        sections.append((f"{perturbation}, {label}", lines))
    title = f"dice on {data} by size of the structure, under the worst of all attacks"
    return Grid(title, ["model", "size", "structures", *map(percent, levels)], sections, NOTES, names=2)


def _volume(volume: float) -> str:
    return number(volume, 0) if volume >= 100 else significant(volume)
