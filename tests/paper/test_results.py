"""The published results are those of the rows that are kept beside them."""

import runpy
import sys
from pathlib import Path

import pytest

PAPER = Path(__file__).parents[2] / "benchmarks" / "paper"


def printed_of(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "argv", ["results.py", name])
    runpy.run_path(str(PAPER / "results.py"), run_name="__main__")
    return capsys.readouterr().out.strip()


@pytest.mark.long
def test_the_papers_claims_stand_in_the_results_and_on_the_page_of_the_paper(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = printed_of("claims", capsys, monkeypatch)
    assert printed == (PAPER / "results" / "claims.md").read_text("utf-8").strip()
    _, table = printed.split("\n\n", 1)
    for page in (PAPER / "RESULTS.md", PAPER.parents[1] / "docs" / "paper.md"):
        assert table in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("study", "first_table"),
    [
        ("montgomery", "**Trainings on Montgomery**"),
        pytest.param("montgomery-narrow", "**Trainings, narrow networks on Montgomery**", marks=pytest.mark.long),
        pytest.param("ablations-narrow", "**Clean Dice, and Dice lost at 30 %: mean", marks=pytest.mark.long),
        pytest.param(
            "hippocampus-narrow", "**Trainings, narrow networks on hippocampus MRI in 3D**", marks=pytest.mark.long
        ),
        pytest.param("shenzhen-narrow", "**Trainings, narrow networks on Shenzhen**", marks=pytest.mark.long),
        pytest.param("acdc-narrow", "**Trainings, narrow networks on cardiac MRI**", marks=pytest.mark.long),
    ],
)
def test_every_table_of_the_results_is_printed_from_the_kept_rows(
    study: str, first_table: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = printed_of(study, capsys, monkeypatch)
    assert printed.count(first_table) == 1
    assert printed == (PAPER / "results" / study / "tables.md").read_text("utf-8").strip()
