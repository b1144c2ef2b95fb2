"""How the networks of a study were trained."""

import pandas as pd

from robustq.report.grid import Grid
from robustq.results.study import Study


def trainings_grid(study: Study, title: str) -> Grid:
    """Epochs, the best one with its validation Dice, and how many codes each network uses."""
    codes: dict[str, str] = {}
    for analysis in study.analyses:
        frame = analysis.to_frame()
        used = frame[frame["metric"] == "codes_in_use"]
        codes.update(used.groupby("model")["value"].first().astype(int).astype(str))
    lines = []
    for step in study.steps:
        if step.kind == "train":
            history = pd.read_csv(study.path / step.directory / "model.history.csv")
            best = history.loc[history["validation_dice"].idxmax()]
            name = f"{next(iter(step.models))} seed{step.name.split(' of seed ')[1].split()[0]}"
            cells = [str(len(history)), str(int(best["epoch"])), f"{best['validation_dice']:.4f}"]
            lines.append([name, *cells, codes.get(name, "–")])
    header = ["network", "epochs", "best epoch", "its validation Dice", "codes in use"]
    return Grid(title, header, [("", lines)], [])
