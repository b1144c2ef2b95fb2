"""The mean over perturbations, against a computation by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rows
from robustq.report.stress_table import curve_grid
from robustq.results.stress_run import Run
from robustq.results.tidy_curves import tidy_curves
from robustq.statistics import audc, group_means, retention
from robustq.statistics.over_perturbations import over_perturbations
from stored_runs import stored_run

NAMES = ["gaussian", "poisson"]


def means(**changes: object) -> pd.DataFrame:
    return group_means(rows.frame(rows.run("m", rows.declining(0.01, 0), **changes)))


def test_each_perturbation_counts_once_in_every_patient() -> None:
    found = over_perturbations(means(), NAMES)
    assert set(found["perturbation"]) == {"all"}
    table = means().pivot(index=["group", "level"], columns="perturbation", values="value")
    expected = (table["gaussian"] + table["poisson"]) / 2
    assert found.set_index(["group", "level"])["value"].to_dict() == pytest.approx(expected.to_dict())


def test_a_patient_without_a_value_under_one_perturbation_is_left_out_at_every_level() -> None:
    table = means()
    gap = (table["group"] == "3") & (table["perturbation"] == "poisson") & (table["level"] == 30)
    found = over_perturbations(table.assign(value=table["value"].mask(gap)), NAMES)
    assert set(found[found["value"].isna()]["group"]) == {"3"}
    assert len(found[found["value"].isna()]) == 3


def test_one_perturbation_has_no_mean_over_perturbations() -> None:
    assert over_perturbations(means(), ["gaussian"]).empty


def test_the_table_and_the_tidy_table_end_in_it_and_retention_and_audc_are_means_of_theirs(tmp_path: Path) -> None:
    run = Run(stored_run(tmp_path / "run", rows.run("m", rows.declining(0.01, 0))))
    grid = curve_grid(run.curves())
    name, (line,) = grid.sections[-1]
    assert name == "all: mean over 2 perturbations"
    curves = {
        each: curve.sort_values("level") for each, curve in run.summary_frame().groupby("perturbation", sort=False)
    }
    kept = [retention(curve["level"].to_numpy(), curve["mean"].to_numpy())[-1] for curve in curves.values()]
    areas = [audc(curve["level"].to_numpy(), curve["mean"].to_numpy()) for curve in curves.values()]
    assert line[-3:-1] == [f"{np.mean(kept):.3f}", f"{np.mean(areas):.3f}"]
    table = tidy_curves(run)
    overall = table[(table["perturbation"] == "all") & (table["label"] == "") & (table["level"] == 30)]
    assert overall["mean"].item() == pytest.approx(np.mean([curve["mean"].iloc[-1] for curve in curves.values()]))


def test_attacks_are_no_part_of_it(tmp_path: Path) -> None:
    made = rows.run("m", rows.declining(0.01, 0), noises=("gaussian", "poisson", "pgd"))
    run = Run(stored_run(tmp_path / "run", made, attacks={"pgd": 1}, transfer_from="m"))
    assert run.averaged == NAMES
    alone = Run(stored_run(tmp_path / "alone", [row for row in made if row.perturbation != "pgd"]))
    for one, other in zip(
        curve_grid(run.curves()).sections[-1][1], curve_grid(alone.curves()).sections[-1][1], strict=True
    ):
        assert one == other
