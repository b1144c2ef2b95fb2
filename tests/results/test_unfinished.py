"""A run that was stopped says that it is not finished, and is not compared."""

from pathlib import Path

import pytest

import robustq
from earlier_version import with_rows_folder
from robustq.errors import RequestError
from robustq.results.several_runs import join


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which the rows of the last batch are missing."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    run = robustq.stress(None, "phantom:cases=2,domain=B", levels=[10, 30], draws=8, batch_size=8, out=out)
    assert run.missing_batches == 0
    assert not run.unfinished_notes()
    (with_rows_folder(out) / f"{len(run.document['plan']) - 1:06d}.parquet").unlink()
    return out


def test_its_table_says_so(stopped: Path) -> None:
    run = robustq.Run(stopped)
    assert run.missing_batches == 1
    assert any(note.startswith("NOT FINISHED: 1 of ") for note in run.sample_notes())


def test_it_is_not_compared(stopped: Path) -> None:
    with pytest.raises(RequestError, match="is not finished, 1 of its batches have no rows"):
        join([robustq.Run(stopped)])


def test_an_analysis_counts_its_own_batches(tmp_path: Path) -> None:
    analysis = robustq.analyse(
        None, "phantom:cases=1,domain=B", check="latent-variance", levels=[10], draws=2, out=tmp_path / "a"
    )
    assert analysis.missing_batches == 0
    (with_rows_folder(tmp_path / "a") / "analysis-000001.parquet").unlink()
    assert robustq.Analysis(tmp_path / "a").missing_batches == 1


def test_tables_over_several_domains_say_what_they_take_together(tmp_path: Path) -> None:
    run = robustq.stress(None, "phantom:first=160,cases=1", levels=[10], draws=1, out=tmp_path / "run")
    (note,) = run.pooled_notes()
    assert note.startswith("The cases come from the domains A and B.")
    assert not robustq.stress(None, "phantom:first=160,cases=1,domain=A", levels=[10], draws=1).pooled_notes()


def test_a_run_that_an_earlier_version_began_warns_of_its_resized_masks(tmp_path: Path) -> None:
    run = robustq.stress(None, "phantom:cases=1,domain=B", levels=[10], draws=1, out=tmp_path / "run")
    assert not run.earlier_notes()
    del run.document["data_remarks"]
    (note,) = run.earlier_notes()
    assert "resized by an even factor" in note
    assert note in run.sample_notes()
