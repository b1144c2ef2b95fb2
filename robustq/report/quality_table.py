"""The table of the image quality that the draws of a run have."""

from collections.abc import Callable

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd, with_unit
from robustq.statistics import group_means, summarise

_QUALITIES = {"ssim": 3, "psnr": 2, "snr": 2}
"""The qualities, and the number of decimals of each."""


def quality_grid(rows: pd.DataFrame, data: str, level_text: Callable[[float], str]) -> Grid:
    """The mean quality over groups at each level; a section for each quality.

    Args:
        rows: the rows of a run.
        data: name of the dataset.
        level_text: what a reader sees of a level.
    """
    table = summarise(group_means(rows[rows["metric"].isin(_QUALITIES)]))
    levels = sorted(table["level"].unique())
    places = {name: place for place, name in enumerate(rows["perturbation"].unique())}
    table = table.sort_values("perturbation", key=lambda names: names.map(places), kind="stable")
    sections = []
    for quality, digits in _QUALITIES.items():
        of_quality = table[table["metric"] == quality]
        lines = []
        for (perturbation, model), curve in of_quality.groupby(["perturbation", "model"], sort=False):
            cells = {row["level"]: mean_sd(row["mean"], row["sd"], digits) for row in curve.to_dict("records")}
            name = f"{perturbation} on {model}" if model else str(perturbation)
            lines.append([name, *(cells.get(level, "–") for level in levels)])
        unit = next(iter(of_quality["unit"]), "")
        sections.append((with_unit(quality, unit), lines))
    notes = [
        "Quality of the perturbed images beside the unperturbed ones: the mean over draws and the cases of a patient, "
        "then mean ± standard deviation over patients. Higher is nearer. It says nothing of the models.",
    ]
    header = ["perturbation", *(level_text(level) for level in levels)]
    return Grid(f"Image quality on {data}", header, sections, notes)
