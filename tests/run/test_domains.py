"""A stress run on several domains: each is shown apart, those that a model was trained in first."""

import json
import math
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

import robustq
from networks import small
from robustq import registry
from robustq.data.open_dataset import open_dataset
from robustq.data.training_domains import training_domains
from robustq.metric import AbstractMetric, Comparison, Unit
from robustq.model.segmenter import Segmenter
from robustq.report.domain_note import TrainingCases, domain_note
from robustq.report.stress_table import curve_grid
from robustq.results.stress_run import Run
from robustq.run.demonstration import DATA, demonstration_pair

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))
PHANTOM = "phantom:first=2,cases=2"


def model(trained_on: str = "", quantise: str = "none") -> Segmenter:
    """A small segmenter that says it was trained on these cases of the phantom."""
    preparation = robustq.Preparation(dims=2, size=(24, 20), labels=LABELS)
    made = small(quantise, classes=4, preparation=preparation)
    if not trained_on:
        return made
    data = open_dataset("phantom")
    seen = [data.fingerprint(entry) for entry in data.entries if entry.id in trained_on.split(",")]
    record = {"validation_cases": [], "training_cases": seen, "dataset": "phantom", "recipe": {}, "epochs": 1}
    made.spec = made.spec.but(training=record)
    return made


def stressed(models: dict[str, Segmenter], data: str = PHANTOM, **settings: object) -> Run:
    return robustq.stress(models, data, **{"levels": [30], "draws": 1, **settings})


def test_the_domain_that_a_model_was_trained_in_stands_first() -> None:
    run = stressed({"m": model("B/0000,B/0001")})
    grid = curve_grid(run.curves())
    assert [section for section, _ in grid.sections] == ["gaussian, domain B", "gaussian, domain A"]
    assert grid.heads == [
        "Domain B (2 cases): the model was trained on other cases of this domain.",
        "Domain A (2 cases): no model was trained on cases of this domain.",
    ]
    assert "over 2 groups per domain" in grid.title
    assert [panel.get_title() for panel in run.plot().axes] == [
        "gaussian, domain B\n(training domain)",
        "gaussian, domain A",
    ]


def test_a_model_that_was_trained_elsewhere_than_the_others_is_named() -> None:
    run = stressed({"one": model("A/0000"), "two": model("A/0001"), "three": model("B/0001")}, levels=[0])
    assert [each["domain"] for each in run.summary()["domains"]] == ["A", "B"]
    assert [each["trained"] for each in run.summary()["domains"]] == [["one", "two"], ["three"]]
    assert run.plot().axes[0].get_title() == "gaussian, domain A\n(training domain of one and two)"


def test_the_figures_of_a_domain_are_those_of_a_run_on_its_cases_alone() -> None:
    models = {"m": model(quantise="16x4")}
    both = stressed(models).summary()
    for domain in both["domains"]:
        alone = stressed(models, f"{PHANTOM},domain={domain['domain']}").summary()
        assert domain["curves"] == alone["curves"]
        assert domain["codes"]["m"] == alone["models"]["m"]["codes"]
        assert domain["cases"] == alone["cases"] == 2
        assert alone["domains"] == []


def test_one_domain_is_shown_as_a_sample_without_domains() -> None:
    run = stressed({"m": model("A/0000")}, "phantom:first=2,cases=2,domain=A")
    grid = curve_grid(run.curves())
    assert [section for section, _ in grid.sections] == ["gaussian"]
    assert list(grid.heads) == []
    assert run.plot().get_suptitle() == "gaussian"


def test_cases_that_took_part_in_training_are_told_by_domain() -> None:
    run = stressed({"m": model("A/0000,A/0001")}, "phantom:cases=3", split="all", levels=[0])
    assert run.domains.about("A") == "Domain A (3 cases): the model was trained on cases of this domain."
    told = "The training of m used 2 of the 3 cases of domain A: figures on these cases are better than on new ones."
    assert told in run.sample_notes()


def test_a_run_of_an_earlier_version_is_read_and_gone_on_with_and_says_less(tmp_path: Path) -> None:
    asked = {"models": {"m": model("A/0000")}, "data": PHANTOM, "out": tmp_path / "run"}
    before = stressed(**asked).to_frame()
    document = json.loads((tmp_path / "run/run.json").read_text())
    del document["training_domains"]
    (tmp_path / "run/run.json").write_text(json.dumps(document))
    run = stressed(**asked)
    pd.testing.assert_frame_equal(run.to_frame(), before)
    unknown = "it is not known whether the model was trained on cases of this domain."
    assert [run.domains.about(name) for name in "AB"] == [f"Domain {name} (2 cases): {unknown}" for name in "AB"]


def test_training_cases_are_looked_for_among_all_cases_of_the_dataset() -> None:
    data = open_dataset("phantom:first=2,cases=1")
    assert [entry.id for entry in data.entries] == ["A/0002", "B/0002"]
    others = open_dataset("phantom:cases=4")
    seen = frozenset(others.fingerprint(entry) for entry in others.entries if entry.id != "B/0003")
    assert training_domains(data, {"m": seen, "n": frozenset()}) == {"m": {"A": 4, "B": 3}, "n": {}}
    assert training_domains(open_dataset("phantom:domain=A"), {"m": seen}) == {"m": {}}


HERE, AWAY, UNKNOWN = TrainingCases(5, 0, True), TrainingCases(0, 0, True), TrainingCases(0, 0, False)


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ({}, "Domain A (1 case)."),
        ({"m": HERE}, "Domain A (1 case): the model was trained on other cases of this domain."),
        ({"m": HERE, "n": HERE}, "Domain A (1 case): the models were trained on other cases of this domain."),
        ({"m": TrainingCases(5, 1, True)}, "Domain A (1 case): the model was trained on cases of this domain."),
        ({"m": HERE, "n": AWAY}, "Domain A (1 case): m was trained on other cases of this domain; n was not."),
        ({"m": AWAY, "n": AWAY}, "Domain A (1 case): no model was trained on cases of this domain."),
        (
            {"m": HERE, "n": UNKNOWN},
            "Domain A (1 case): m was trained on other cases of this domain; it is not known whether n was trained on "
            "cases of this domain.",
        ),
    ],
)
def test_what_is_known_of_the_training_is_said_in_a_sentence(training: dict[str, TrainingCases], sentence: str) -> None:
    assert domain_note("Domain A", 1, training) == sentence


def test_the_demonstration_shows_a_dozen_cases_a_domain_that_had_no_part_in_its_training() -> None:
    run = robustq.stress(levels=[0], draws=1)
    cases = run.asked["data"]["cases"]
    assert pd.Series([case["domain"] for case in cases]).value_counts().to_dict() == {"A": 12, "B": 12}
    shown = {case["fingerprint"] for case in cases}
    assert not any(shown & (run.spec(name).seen | run.spec(name).chose) for name in demonstration_pair())
    assert [each["trained"] for each in run.summary()["domains"]] == [["unet", "vq-unet"], []]
    data = open_dataset(DATA)
    assert [case["fingerprint"] for case in cases] == [data.fingerprint(entry) for entry in data.entries]


def test_a_run_is_drawn_again_from_its_directory_alone(tmp_path: Path) -> None:
    stressed({"m": model("A/0000")}, metrics="dice,hd95", out=tmp_path / "run").draw()
    curves = tmp_path / "run" / "curves"
    before = {path.name: path.read_bytes() for path in curves.iterdir()}
    assert sorted(before) == ["dice.pdf", "dice.png", "hd95.pdf", "hd95.png"]
    for path in curves.iterdir():
        path.unlink()
    curves.rmdir()
    Run(tmp_path / "run").draw()
    assert {path.name: path.read_bytes() for path in curves.iterdir()} == before


@dataclass(frozen=True)
class Error(AbstractMetric):
    """1 - Dice: a share of which less is better."""

    measures_distance: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = False

    def unit(self, unit: Unit) -> str:
        """None: a share."""
        return ""

    def score(self, comparison: Comparison) -> float:
        """From 0 to 1; NaN on two empty masks."""
        voxels = comparison.volume + comparison.truth.volume
        return 1 - 2 * comparison.overlap / voxels if voxels else math.nan


def test_the_worst_level_of_a_share_of_which_less_is_better_is_where_it_is_largest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("error", f"{__name__}:Error", "robustq.metrics")
    monkeypatch.setitem(registry._points("metrics"), "error", point)
    run = stressed({"m": model()}, "phantom:cases=2,domain=A", metrics="dice,error", levels=[10, 50], draws=2)
    dice, error = sorted(run.summary()["curves"], key=lambda curve: curve["metric"])
    assert (dice["metric"], error["metric"], error["unit"]) == ("dice", "error", "")
    largest = max(error["levels"], key=lambda point: point["mean"])["level"]
    assert error["worst_level"] == largest == dice["worst_level"]
    assert len({point["mean"] for point in error["levels"]}) == 3
    assert error["retention"] is error["audc"] is None
    assert dice["audc"] is not None
    assert "AUDC" in curve_grid(run.curves("dice")).header
    assert "AUDC" not in curve_grid(run.curves("error")).header
