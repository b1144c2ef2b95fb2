"""`--draws auto`: four draws of every case, then as many as a level needs, the same number for all."""

from pathlib import Path

import pandas as pd
import pytest

import robustq
from networks import small
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.request.draws import check_fixed_draws
from robustq.results.directory import RunDirectory

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))
ASKED = {"noise": ["gaussian"], "levels": [5, 60], "batch_size": 1}
DATA = "phantom:cases=3,domain=A"


def models() -> dict[str, object]:
    preparation = robustq.Preparation(dims=2, size=(24, 20), labels=LABELS)
    return {
        name: small(text, dims=2, classes=4, preparation=preparation) for name, text in (("a", "16x4"), ("b", "none"))
    }


def rows(run: robustq.Run) -> pd.DataFrame:
    frame = run.to_frame()
    return frame.sort_values([name for name in frame if name not in ("value", "reason")]).reset_index(drop=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> robustq.Run:
    out = tmp_path_factory.mktemp("auto") / "run"
    return robustq.stress(models(), DATA, draws="auto", max_draws=7, out=out, **ASKED)


def test_all_cases_and_models_get_the_number_that_run_json_holds(run: robustq.Run) -> None:
    chosen = run.document["level_draws"]["gaussian"]
    assert all(4 <= number <= 7 for number in chosen.values())
    assert max(chosen.values()) > 4
    drawn = run.to_frame().query("level > 0").groupby(["model", "case", "level"])["draw"].unique()
    for (_, _, level), numbers in drawn.items():
        assert sorted(numbers) == list(range(chosen[str(level)]))


def test_the_draws_that_a_run_of_a_fixed_number_has_too_are_the_same(run: robustq.Run) -> None:
    fixed = rows(robustq.stress(models(), DATA, draws=7, **ASKED))
    auto = rows(run)
    both = fixed.merge(auto[["model", "case", "level", "draw"]].drop_duplicates())
    pd.testing.assert_frame_equal(both, auto, check_dtype=False)


@pytest.mark.parametrize("written", [0, 3, "all of the first stage", "one of the second"])
def test_a_run_that_is_killed_in_either_stage_or_between_ends_with_the_same_rows(
    run: robustq.Run, written: int | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_stage = 3 * 3
    stop = {"all of the first stage": first_stage, "one of the second": first_stage + 1}.get(str(written), written)
    write, extend = RunDirectory.write, RunDirectory.add

    def write_or_die(self: RunDirectory, batch: int, of_batch: list[object]) -> None:
        if batch == stop:
            raise KeyboardInterrupt
        write(self, batch, of_batch)

    def die(self: RunDirectory, entries: dict[str, object]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunDirectory, "write", write_or_die)
    if stop == first_stage:
        monkeypatch.setattr(RunDirectory, "add", die)
    asked = {"draws": "auto", "max_draws": 7, "out": tmp_path / "run", **ASKED}
    with pytest.raises(KeyboardInterrupt):
        robustq.stress(models(), DATA, **asked)
    monkeypatch.setattr(RunDirectory, "write", write)
    monkeypatch.setattr(RunDirectory, "add", extend)
    assert robustq.Run(tmp_path / "run").unfinished_notes()
    pd.testing.assert_frame_equal(rows(robustq.stress(models(), DATA, **asked)), rows(run))


def test_the_table_says_how_many_draws_each_level_got(run: robustq.Run) -> None:
    low, high = run.level_draws.numbers["gaussian"].values()
    notes = " ".join(run.summary()["notes"]).replace("\N{NO-BREAK SPACE}", " ")
    assert f"the number of draws is {low} at 5 % and {high} at 60 %" in notes


def test_runs_are_compared_by_the_draws_that_all_have(run: robustq.Run) -> None:
    six = robustq.stress({"c": models()["b"]}, DATA, draws=6, **ASKED)
    five = robustq.stress({"c": models()["b"]}, DATA, draws=5, **ASKED)
    assert not robustq.compare([run, six], "c").to_frame().empty
    with pytest.raises(RequestError, match="differ in draws"):
        robustq.compare([six, five], "c")


def test_an_attack_without_randomness_has_one_draw_and_the_others_have_the_rule() -> None:
    run = robustq.stress(
        models(), "phantom:cases=2,domain=A", attack=["fgsm", "pgd@1"], levels=[1], draws="auto", max_draws=5
    )
    assert run.draws["fgsm"] == 1
    assert run.draws["pgd@1"] >= 4


def test_only_stress_chooses_the_number_itself() -> None:
    with pytest.raises(RequestError, match="only stress chooses"):
        check_fixed_draws("auto")
    for wrong in ({"max_draws": 9}, {"draws": 3, "max_draws": 9}, {"draws": "auto", "max_draws": 3}):
        with pytest.raises(RequestError, match="max_draws="):
            robustq.stress(models(), DATA, **wrong)
