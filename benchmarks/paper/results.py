"""Prints the figures of RESULTS.md from the rows that are kept beside it.

    .venv/bin/python benchmarks/paper/results.py

The rows are those of `results/montgomery`: a study without its bundles, and one run of `robustq shift` for each
training seed.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd
from robustq.results.analysis import Analysis
from robustq.results.shift import Shift
from robustq.results.stress_run import Run
from robustq.results.study import Study
from robustq.statistics.domain_drop import domain_drop

FOLDER = Path(__file__).parent / "results" / "montgomery"
HOME, AWAY = "montgomery", "shenzhen"


def patient_means(runs: list[Run], metric: str) -> pd.Series:
    """The mean over draws and labels, then over cases, of every patient, for each network, seed, domain, ..."""
    rows = pd.concat([run.to_frame() for run in runs])
    rows = rows[rows["metric"] == metric]
    names = rows["model"].str.rsplit(" seed", n=1, expand=True)
    by = ["network", "training", "domain", "perturbation", "level", "group"]
    means: pd.Series = rows.assign(network=names[0], training=names[1]).groupby(by)["value"].mean()
    return means


def training_grid(study: Study) -> Grid:
    """How each network was trained, and how many codes it uses."""
    codes = {}
    for analysis in study.analyses:
        frame = analysis.to_frame()
        used = frame[frame["metric"] == "codes_in_use"]
        codes.update(used.groupby("model")["value"].first().astype(int).astype(str))
    lines = []
    for step in study.steps:
        if step.kind == "train":
            history = pd.read_csv(FOLDER / step.directory / "model.history.csv")
            best = history.loc[history["validation_dice"].idxmax()]
            name = f"{next(iter(step.models))} seed{step.name.split(' of seed ')[1].split()[0]}"
            cells = [str(len(history)), str(int(best["epoch"])), f"{best['validation_dice']:.4f}"]
            lines.append([name, *cells, codes.get(name, "–")])
    header = ["network", "epochs", "best epoch", "its validation Dice", "codes in use"]
    return Grid("Trainings on Montgomery", header, [("", lines)], [])


def drop_grid(study: Study) -> Grid:
    """What each trained network loses from 0 to 30 %."""
    means = patient_means(study.runs, "dice").groupby(["network", "perturbation", "training", "level"]).mean()
    drops = (means.xs(0.0, level="level") - means.xs(30.0, level="level")).unstack("training")
    lines = [
        [*map(str, names), *(f"{drop:.3f}" for drop in row)]
        for names, row in zip(drops.index, drops.to_numpy(), strict=True)
    ]
    header = ["network", "perturbation", *(f"seed {seed}" for seed in drops.columns)]
    return Grid("Loss of Dice from 0 to 30 %, each trained network", header, [("", lines)], [])


def shift_grid(metric: str, digits: int) -> Grid:
    """Clean answers in both domains, and the drop with the interval of `robustq shift`."""
    runs = [Run(path) for path in sorted(FOLDER.glob("measured/shift-seed*"))]
    means = patient_means(runs, metric).xs(0.0, level="level")
    lines = []
    for network, of_network in means.groupby("network"):
        of_seeds = of_network.groupby(["training", "domain"]).mean().unstack("domain")
        patients = of_network.groupby(["domain", "group"]).mean()
        first, second = (patients[domain].to_numpy(float) for domain in (HOME, AWAY))
        sign = 1 if metric == "dice" else -1
        drop = domain_drop(first, second)
        low, high = sorted((sign * drop.low, sign * drop.high))
        words = f"{sign * drop.estimate:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
        sides = [mean_sd(of_seeds[domain].mean(), of_seeds[domain].std(), digits) for domain in (HOME, AWAY)]
        by_seed = sign * (of_seeds[HOME] - of_seeds[AWAY])
        lines.append([str(network), *sides, words, f"{by_seed.std():.{digits}f}"])
    title = f"{metric} of clean images, trained on Montgomery: 28 patients there, 300 of Shenzhen, 3 training seeds"
    header = ["network", "Montgomery", "Shenzhen", "drop [95 % interval over patients]", "its sd over seeds"]
    return Grid(title, header, [("", lines)], [])


def grids() -> Iterator[Grid]:
    """All tables, without the notes that stand in the text."""
    study = Study(FOLDER)
    yield training_grid(study)
    for tables in study.tables.values():
        yield from tables
    yield drop_grid(study)
    yield shift_grid("dice", 3)
    yield shift_grid("hd95", 1)
    last = FOLDER / "measured" / "shift-seed2"
    yield Shift(Run(last), Analysis(last)).grids(None)[-1]


def main() -> None:
    for grid in grids():
        print(Grid(grid.title, grid.header, grid.sections, []).to_markdown())
    for analysis in Study(FOLDER).analyses:
        for verdict in analysis.verdicts():
            print(f"- {verdict}")


if __name__ == "__main__":
    main()
