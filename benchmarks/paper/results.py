"""Prints the tables of a study of RESULTS.md from the rows that are kept in `results/`.

    .venv/bin/python benchmarks/paper/results.py montgomery > benchmarks/paper/results/montgomery/tables.md

A folder in `results/` is a study without its bundles, and what else was measured with its networks: one run of
`robustq shift` for each training seed in `montgomery`, what after_study.py writes in the others.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kept.ablations import ablations_grid
from kept.attacked import attacked_grid
from kept.conformal import conformal_grid
from kept.control import CONSTANT, control_grid
from kept.decoded import decoded_grid
from kept.latents import criteria_grid, variances_grid
from kept.likelihood import likelihood_grid
from kept.losses import drop_grid, shift_grid
from kept.paper_claims import paper_claims_grid
from kept.pathways import pathways_grid, skips_grid
from kept.signals import signals_grids
from kept.trainings import trainings_grid
from robustq.report.grid import Grid
from robustq.results.analysis import Analysis
from robustq.results.shift import Shift
from robustq.results.stress_run import Run
from robustq.results.study import Study

RESULTS = Path(__file__).parent / "results"
SHIFTED = {"dice": 3, "hd95": 1}
"""The metrics of shifts, and their decimal places."""


def montgomery() -> Iterator[Grid]:
    """The tables of the study at the paper's width."""
    study = Study(RESULTS / "montgomery")
    yield trainings_grid(study, "Trainings on Montgomery")
    for tables in study.tables.values():
        yield from tables
    yield drop_grid(study.runs)
    runs = [Run(path) for path in sorted(study.path.glob("measured/shift-seed*"))]
    for metric, digits in SHIFTED.items():
        yield shift_grid(runs, metric, digits, home="montgomery", away="shenzhen")
    last = study.path / "measured" / "shift-seed2"
    yield Shift(Run(last), Analysis(last)).grids(None)[-1]


def noise(name: str, where: str) -> Iterator[Grid]:
    """The tables of a study's trainings, and of its networks under noise.

    Args:
        name: folder of the study.
        where: what ends the titles.
    """
    study = Study(RESULTS / name)
    yield trainings_grid(study, f"Trainings, {where}")
    for table, grids in study.tables.items():
        if table.startswith("architectures"):
            yield from grids
        elif table.startswith("claims"):
            yield grids[0]  # Dice alone
    if CONSTANT in {name for step in study.steps for name in step.models.values()}:
        yield control_grid(study)
    yield drop_grid(study.runs)


def shifts(study: Study, home: str, away: str) -> Iterator[Grid]:
    """The tables of a study's shift, where it has one."""
    if study.shift is not None:
        for metric, digits in SHIFTED.items():
            yield shift_grid([study.shift.run], metric, digits, home=home, away=away)


def narrow(name: str, where: str) -> Iterator[Grid]:
    """The tables of `noise`, and of what the study and after_study.py measured besides; arguments as there."""
    yield from noise(name, where)
    study = Study(RESULTS / name)
    yield from shifts(study, "montgomery", "shenzhen")
    yield pathways_grid(study.analyses, where)
    yield conformal_grid(study.analyses, where)
    signals = [Analysis(path) for path in sorted(study.path.glob("after/signals-seed*"))]
    yield from signals_grids(signals, where)
    yield likelihood_grid(signals, where)
    yield decoded_grid([Run(path) for path in sorted(study.path.glob("after/map-seed*"))], where)
    yield attacked_grid([Run(path) for path in sorted(study.path.glob("after/attacked-seed*"))], where)


def narrow_with_latents(name: str, where: str) -> Iterator[Grid]:
    """The tables of `narrow`, and of what noise does to the latents; arguments as in `noise`."""
    yield from narrow(name, where)
    analyses = [Analysis(path) for path in sorted((RESULTS / name / "after").glob("latents-seed*"))]
    yield variances_grid(analyses, where)
    yield criteria_grid(analyses, where)


def ablations(name: str, where: str) -> Iterator[Grid]:
    """The tables of a study whose networks differ in one thing."""
    study = Study(RESULTS / name)
    yield ablations_grid(study, where)
    yield from (grids[0] for table, grids in study.tables.items() if table.startswith("claims"))  # Dice alone
    yield pathways_grid(study.analyses, where)


def other_direction(name: str, where: str) -> Iterator[Grid]:
    """The tables of a study that was trained on Shenzhen; arguments as in `noise`."""
    yield from noise(name, where)
    study = Study(RESULTS / name)
    yield from shifts(study, "shenzhen", "montgomery")
    yield pathways_grid(study.analyses, where)


def in_3d(name: str, where: str) -> Iterator[Grid]:
    """The tables of the hippocampi: noise, and the pathways of some patients; arguments as in `noise`."""
    yield from noise(name, where)
    analyses = [Analysis(path) for path in sorted((RESULTS / name / "after").glob("skips-seed*"))]
    yield pathways_grid(analyses, f"{where}, 24 patients")
    yield skips_grid(analyses, f"{where}, 24 patients")


def claims() -> Iterator[Grid]:
    """The paper's claims, on every data set."""
    places = {
        "montgomery": "Montgomery, the paper's width",
        "montgomery-narrow": "Montgomery",
        "shenzhen-narrow": "Shenzhen",
        "acdc-narrow": "cardiac MRI",
        "hippocampus-narrow": "hippocampus in 3D",
    }
    yield paper_claims_grid({where: Study(RESULTS / name) for name, where in places.items()})


STUDIES = {
    "claims": claims,
    "montgomery": montgomery,
    "montgomery-narrow": partial(narrow_with_latents, "montgomery-narrow", "narrow networks on Montgomery"),
    "ablations-narrow": partial(ablations, "ablations-narrow", "narrow networks on Montgomery"),
    "acdc-narrow": partial(narrow, "acdc-narrow", "narrow networks on cardiac MRI"),
    "hippocampus-narrow": partial(in_3d, "hippocampus-narrow", "narrow networks on hippocampus MRI in 3D"),
    "shenzhen-narrow": partial(other_direction, "shenzhen-narrow", "narrow networks on Shenzhen"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the tables of a study from its kept rows.")
    parser.add_argument("study", choices=STUDIES, help="which study")
    name = parser.parse_args().study
    for grid in STUDIES[name]():
        print(Grid(grid.title, grid.header, grid.sections, [], names=grid.names).to_markdown())
    analyses = Study(RESULTS / name).analyses if (RESULTS / name / "study.json").exists() else []
    for analysis in analyses:
        for verdict in analysis.verdicts():
            print(f"- {verdict}")


if __name__ == "__main__":
    main()
