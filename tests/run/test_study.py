"""A study: what it trains, what it keeps, and how it goes on."""

import json
from copy import deepcopy
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch

import robustq
from commands import robustq as command
from robustq.errors import RequestError
from robustq.request.study import read_study
from robustq.run import kept_training
from robustq.run.study_data import StudyData
from robustq.run.study_priors import StudyPrior
from robustq.run.study_progress import StudyProgress
from robustq.run.study_trainings import StudyTraining

TRAIN = "phantom:first=3,cases=5,domain=A"
SMALL: dict[str, Any] = {
    "name": "small",
    "baseline": "matched",
    "seeds": [0, 1],
    "data": {"train": TRAIN},
    "wrap": {"arch": "unet", "size": "16x16", "classes": 4, "set": {"width": 2, "groups": 2, "scales": 2}},
    "models": [{"name": "matched", "quantise": "identity:4"}, {"name": "vq", "quantise": "16x4"}],
    "recipe": {"epochs": 1, "augmentation": False},
    "stress": {"noise": "gaussian", "levels": [30], "draws": 1},
}


def changed(**entries: Any) -> dict[str, Any]:
    """The small study with other entries."""
    return {**deepcopy(SMALL), **entries}


def rows(study: robustq.Study) -> list[str]:
    """The values of every run as text, in the order of the steps."""
    return [run.to_frame().drop(columns="seconds", errors="ignore").to_csv() for run in study.runs]


def bundles(folder: Path) -> dict[Path, int]:
    """The time at which each bundle of a study was written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "trainings").glob("*/model.safetensors")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> robustq.Study:
    """The study, run in one go."""
    return robustq.study(SMALL, out=tmp_path_factory.mktemp("whole") / "study")


def test_every_model_is_trained_with_every_seed_and_stressed(whole: robustq.Study) -> None:
    assert whole.failures == {}
    assert [step.kind for step in whole.steps] == ["train"] * 4 + ["stress"] * 2
    assert [run.models for run in whole.runs] == [["matched seed0", "vq seed0"], ["matched seed1", "vq seed1"]]
    specs = {name: robustq.load(path).spec for name, path in whole.bundles.items()}
    assert sorted((str(spec.quantise), spec.seed) for spec in specs.values()) == [
        ("identity:4", 0),
        ("identity:4", 1),
        ("vq:16x4", 0),
        ("vq:16x4", 1),
    ]


def test_its_tables_average_the_seeds_of_each_model_and_compare_with_the_baseline(whole: robustq.Study) -> None:
    (architectures,), (claims,) = whole.tables.values()
    assert [row[0] for _, lines in architectures.sections for row in lines] == ["matched", "vq"]
    assert {row[-1] for _, lines in architectures.sections for row in lines} == {"2"}
    assert "matched" in claims.title
    assert whole.write_report().read_text().startswith("<!doctype html>")
    suffixes = {path.suffix for path in (whole.path / "tables").iterdir()}
    assert suffixes == {".md", ".tex", ".csv"}


def test_a_study_that_was_stopped_ends_as_one_that_was_not(whole: robustq.Study, tmp_path: Path) -> None:
    class Stopped(BaseException):
        pass

    def stop_in_the_last_training(progress: StudyProgress) -> None:
        if (progress.done, progress.part) == (3, 1):
            raise Stopped

    with pytest.raises(Stopped):
        robustq.study(SMALL, out=tmp_path, on_progress=stop_in_the_last_training)
    kept = bundles(tmp_path)
    resumed = robustq.study(SMALL, out=tmp_path)
    assert len(kept) == 3
    assert kept.items() <= bundles(tmp_path).items()
    assert resumed.steps == whole.steps
    assert rows(resumed) == rows(whole)
    for name, path in whole.bundles.items():
        assert path.read_bytes() == resumed.bundles[name].read_bytes()


def test_a_finished_study_trains_nothing_again(whole: robustq.Study) -> None:
    before = bundles(whole.path)
    notes: list[str] = []
    again = robustq.study(SMALL, out=whole.path, on_note=notes.append)
    assert bundles(whole.path) == before
    assert sum("was finished before" in note for note in notes) == 4
    assert again.steps == whole.steps


def digest(document: dict[str, Any]) -> str:
    """By what the first training of a study is known."""
    request = read_study(document)
    data = StudyData(request.train)
    first = StudyTraining(request.models[0], request.train[0], request.seeds[0], data, Path(), "cpu")
    return first.kept.digest


@pytest.mark.parametrize(
    "entries",
    [
        {"recipe": {"epochs": 1, "augmentation": True}},
        {"recipe": {"epochs": 2, "augmentation": False}},
        {"recipe": {"epochs": 1, "augmentation": False, "split_seed": 1}},
        {"recipe": {"epochs": 1, "augmentation": False, "loss": "dice"}},
        {"recipe": {"epochs": 1, "augmentation": False, "schedule": "cosine"}},
        {"recipe": {"epochs": 1, "augmentation": False, "augment_noise": "gaussian:0..30"}},
        {"data": {"train": "phantom:first=4,cases=5,domain=A"}},
        {"seeds": [1]},
        {"models": [{"name": "matched", "quantise": "identity:2"}]},
        {"models": [{"name": "matched", "quantise": "identity:4", "recipe": {"learning-rate": 0.1}}]},
    ],
)
def test_what_determines_a_training_changes_its_name(entries: dict[str, Any]) -> None:
    assert digest(changed(**entries)) != digest(SMALL)


def test_what_does_not_determine_a_training_keeps_its_name() -> None:
    others = {"name": "other", "baseline": "vq", "stress": {"noise": "blur"}, "seeds": [0, 5]}
    assert digest(changed(**others)) == digest(SMALL)
    defaults = {"epochs": 1, "augmentation": False, "loss": "dice-ce", "schedule": "constant"}
    assert digest(changed(recipe=defaults)) == digest(SMALL)


def test_changed_training_code_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(SMALL)
    monkeypatch.setattr(kept_training, "TRAINING_CODE", 0)
    assert digest(SMALL) != before


def test_a_prior_is_fitted_to_every_network_with_codes(whole: robustq.Study, tmp_path: Path) -> None:
    entries = {"prior": {"epochs": 1, "batch_size": 2}, "seeds": [0], "analyse": {"check": "likelihood", "draws": 2}}
    copytree(whole.path, tmp_path, dirs_exist_ok=True)
    notes: list[str] = []
    study = robustq.study(changed(**entries), out=tmp_path, on_note=notes.append)
    assert study.failures == {}
    assert [step.kind for step in study.steps] == ["train", "train", "prior", "stress", "analyse"]
    assert any(
        note.startswith("No prior is fitted to the codes of matched: identity:4 has no codebook") for note in notes
    )
    fitted = study.bundles[f"prior of vq of seed 0 on {TRAIN}"]
    network = study.bundles[f"training vq of seed 0 on {TRAIN}"]
    assert robustq.load(fitted).prior is not None
    assert robustq.load(network).prior is None
    weights = robustq.load(network).state_dict()
    assert all(torch.equal(robustq.load(fitted).state_dict()[name], weights[name]) for name in weights)
    (analysis,) = study.analyses
    assert analysis.models == ["matched seed0", "vq seed0"]
    assert rows(study)[0] == rows(whole)[0]
    before = fitted.stat().st_mtime_ns
    assert robustq.study(changed(**entries), out=tmp_path).steps == study.steps
    assert fitted.stat().st_mtime_ns == before


def test_another_recipe_fits_another_prior_to_the_same_network(tmp_path: Path) -> None:
    request = read_study(SMALL)
    training = StudyTraining(request.models[1], TRAIN, 0, StudyData(request.train), tmp_path, "cpu")
    digests = {StudyPrior(training, {"epochs": epochs}).kept.digest for epochs in (1, 2)}
    assert len(digests | {training.kept.digest}) == 3
    with pytest.raises(RequestError, match="its network is not trained"):
        StudyPrior(training, {}).fresh()


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"prior": {"epochs": 0}}, "epochs=0"),
        ({"prior": {"freeze": "encoder"}}, "unknown entry of .prior. 'freeze'"),
        ({"prior": {}, "models": SMALL["models"][:1]}, "no model of the study can have a prior"),
        ({"prior": {}, "recipe": {"prior": "joint"}, "models": SMALL["models"][1:]}, "no model of the study"),
    ],
)
def test_a_prior_that_no_network_can_have_is_refused(entries: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    without_baseline = {name: entry for name, entry in changed(**entries).items() if name != "baseline"}
    with pytest.raises(RequestError, match=sentence):
        robustq.study(without_baseline, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_fails_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    models = [*SMALL["models"][:1], {"name": "wild", "quantise": "16x4", "recipe": {"freeze": "nothing"}}]
    study = robustq.study(changed(models=models, seeds=[0]), out=tmp_path)
    assert list(study.failures) == [f"training wild of seed 0 on {TRAIN}"]
    assert [run.models for run in study.runs] == [["matched seed0"]]


def test_what_no_training_could_do_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="the model 'matched' of the study: epochs=0"):
        robustq.study(changed(recipe={"epochs": 0}), out=tmp_path)
    with pytest.raises(RequestError, match="no dataset has this name"):
        robustq.study(changed(data={"train": TRAIN, "test": "phantm"}), out=tmp_path)
    assert not (tmp_path / "trainings").exists()


def test_an_analysis_that_no_run_could_do_is_refused_before_the_first_training(tmp_path: Path) -> None:
    analysis = {"check": "failure", "noise": "gaussian", "levels": [30], "draws": 1}
    with pytest.raises(RequestError, match="draws=1 was asked, but the check failure needs 2 draws or more"):
        robustq.study(changed(analyse=analysis), out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_the_command_prints_tables_and_writes_them(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(
        f"""
        name = "small"
        [wrap]
        arch = "unet"
        size = "16x16"
        classes = 4
        set = {{ width = 2, groups = 2, scales = 2 }}
        [[models]]
        name = "vq"
        quantise = "16x4"
        [recipe]
        epochs = 1
        [stress]
        draws = 1
        levels = [30]
        [analyse]
        check = "codebook"
        levels = [30]
        draws = 2
        [shift]
        metrics = "dice"
        data = "{TRAIN.removesuffix(",domain=A")}"
        """
    )
    done = command("study", "small.toml", "--set", f"data.train={TRAIN}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 steps done" in done.stderr
    folder = tmp_path / "runs" / "small"
    steps = json.loads((folder / "study.json").read_text())["steps"]
    assert [step["kind"] for step in steps] == ["train", "stress", "analyse", "shift"]
    assert (folder / "tables" / "shift.tex").exists()
    assert (folder / "report.html").exists()
    refused = command("study", "small.toml", cwd=tmp_path)
    assert refused.returncode == 2
    assert "give --set data.train=DATA" in refused.stderr
