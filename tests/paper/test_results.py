"""The published results are those of the rows that are kept beside them."""

import runpy
import sys
from pathlib import Path

import pytest

PAPER = Path(__file__).parents[2] / "benchmarks" / "paper"


@pytest.mark.parametrize(
    ("study", "first_table"),
    [
        ("montgomery", "**Trainings on Montgomery**"),
        pytest.param("montgomery-narrow", "**Trainings, narrow networks on Montgomery**", marks=pytest.mark.long),
        pytest.param("ablations-narrow", "**Clean Dice, and Dice lost at 30 %: mean", marks=pytest.mark.long),
        pytest.param(
            "hippocampus-narrow", "**Trainings, narrow networks on hippocampus MRI in 3D**", marks=pytest.mark.long
        ),
        pytest.param("acdc-narrow", "**Trainings, narrow networks on cardiac MRI**", marks=pytest.mark.long),
    ],
)
def test_every_table_of_the_results_is_printed_from_the_kept_rows(
    study: str, first_table: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["results.py", study])
    runpy.run_path(str(PAPER / "results.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.count(first_table) == 1
    assert printed.strip() == (PAPER / "results" / study / "tables.md").read_text("utf-8").strip()
