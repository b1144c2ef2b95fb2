"""Prints the tables of RESULTS.md from the rows that are kept beside it.

    .venv/bin/python benchmarks/paper/results.py

The rows are those of `results/montgomery`: a study without its bundles, and one run of `robustq shift` for each
training seed.
"""

from pathlib import Path

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd
from robustq.results.stress_run import Run
from robustq.results.study import Study

FOLDER = Path(__file__).parent / "results" / "montgomery"


def clean_means(metric: str) -> pd.DataFrame:
    """The mean over patients of each trained network on clean images, by domain, and the drop between the domains."""
    runs = [Run(path) for path in sorted(FOLDER.glob("measured/shift-seed*"))]
    rows = pd.concat([run.to_frame() for run in runs])
    rows = rows[(rows["level"] == 0) & (rows["metric"] == metric)]
    names = rows["model"].str.rsplit(" seed", n=1, expand=True)
    by_patient = rows.assign(name=names[0], seed=names[1]).groupby(["name", "seed", "domain", "group"])["value"].mean()
    means = by_patient.groupby(["name", "seed", "domain"]).mean().unstack("domain")
    drop = means["montgomery"] - means["shenzhen"]
    return means.assign(drop=drop if metric == "dice" else -drop)


def shift_grid(metric: str, digits: int) -> Grid:
    """Clean answers in both domains: mean ± standard deviation over the training seeds."""
    means = clean_means(metric)
    lines = []
    for name, of_seeds in means.groupby("name"):
        columns = [of_seeds[column] for column in ("montgomery", "shenzhen", "drop")]
        lines.append([str(name), *(mean_sd(column.mean(), column.std(), digits) for column in columns)])
    title = f"{metric} of clean images, trained on Montgomery: 28 patients there, 300 of Shenzhen, 3 training seeds"
    return Grid(title, ["network", "Montgomery", "Shenzhen", "drop"], [("", lines)], [])


def main() -> None:
    study = Study(FOLDER)
    for grids in study.tables.values():
        for grid in grids:
            print(Grid(grid.title, grid.header, grid.sections, []).to_markdown())
    for metric, digits in (("dice", 3), ("hd95", 1)):
        print(shift_grid(metric, digits).to_markdown())


if __name__ == "__main__":
    main()
