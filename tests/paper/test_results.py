"""The published results are those of the rows that are kept beside them."""

import runpy
from pathlib import Path

import pytest

PAPER = Path(__file__).parents[2] / "benchmarks" / "paper"


def test_every_table_of_the_results_is_printed_from_the_kept_rows(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PAPER / "results.py"), run_name="__main__")
    printed = capsys.readouterr().out.strip()
    assert printed.count("**Trainings on Montgomery**") == 1
    assert printed in (PAPER / "RESULTS.md").read_text("utf-8")
