"""The analyser `certified` as a whole: its rows, its table, its sentences and its settings."""

import numpy as np
import pytest
import torch

from analyses import analyse, model
from networks import noise, small
from robustq.errors import RequestError
from robustq.geometry import margins
from robustq.latent.latents import latent
from robustq.results.analysis import Analysis
from robustq.testing.example_cases import example_case
from robustq_guarantees.certified import Certified
from robustq_guarantees.certified_tables import certified_conclusions
from robustq_guarantees.lipschitz import EncoderBound


@pytest.fixture(scope="module")
def whole() -> Analysis:
    models = {"vq": model(), "plain": model("none")}
    return analyse(models, data="phantom:cases=1,domain=A", check="certified", levels=[10], draws=2)


def test_the_attacked_smoothed_model_is_never_below_its_certificate(whole: Analysis) -> None:
    frame = whole.to_frame()
    table = frame[frame["case"] != ""].pivot(index=["model", "case"], columns="metric", values="value")
    assert len(table) == 2
    assert (table["attacked_dice"] >= table["certified_dice"] - 1e-9).all()
    assert (table["smoothed_dice"] >= table["certified_dice"] - 1e-9).all()
    assert (table["certified_dice"] > 0).any()
    assert table["abstained"].between(0, 1).all()


def test_the_level_of_the_radius_is_that_of_pgd(whole: Analysis) -> None:
    levels = whole.to_frame().query("metric == 'certified_level'")["value"]
    assert list(levels) == pytest.approx([100 * 0.05 / np.sqrt(24 * 20)] * 2)


def test_the_table_names_the_models_and_says_what_is_not_certified(whole: Analysis) -> None:
    (grid,) = [grid for grid in whole.grids() if grid.title.startswith("Certified Dice")]
    assert "radius 0.05 with noise of 10\N{NO-BREAK SPACE}%" in grid.title
    ((_, lines),) = grid.sections
    assert [line[0] for line in lines] == ["vq", "plain"]
    assert lines[1][-1] == "–"  # it has no codes
    assert any(note.startswith("Nothing is certified of the model without smoothing") for note in grid.notes)
    assert any(note.startswith("vq: L = ") for note in grid.notes)
    assert any("the level 0.228 % of pgd@l2" in sentence for sentence in whole.conclusions())


def test_codes_stay_where_the_margin_is_at_least_the_bound_times_the_radius(monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = model("16x4")
    image = noise(1, 24, 20)
    case = example_case(image, torch.zeros(3, 24, 20, dtype=torch.bool))
    seen = latent(segmenter, image[None], batch_size=1, axis=None, output=True)
    away = margins(seen.embedding[0], segmenter.quantiser.vectors[0]).sort().values
    width = float(case.intensity_range.diff())
    for place in (0, len(away) // 2):
        bound = EncoderBound(float(away[place]) / (0.05 * width) * (1 - 1e-9))
        monkeypatch.setattr("robustq_guarantees.certified.encoder_bound", lambda *_, bound=bound: bound)
        analyser = Certified(segmenter)
        analyser.clean(case, seen)
        (share,) = [finding.value for finding in analyser.findings() if finding.metric == "stays"]
        assert share == pytest.approx(float((away >= away[place]).double().mean()))


def test_a_case_without_a_label_has_no_dice_but_a_reason() -> None:
    segmenter, image = small("none"), noise(1, 8, 8)
    analyser = Certified(segmenter)
    case = example_case(image, torch.zeros(1, 8, 8, dtype=torch.bool))
    analyser.clean(case, latent(segmenter, image[None], batch_size=1, axis=None, output=True))
    (finding,) = [finding for finding in analyser.findings() if finding.metric == "certified_dice"]
    assert finding.value is None
    assert finding.reason == "the truth shows no label"


def test_an_attack_below_its_certificate_is_said(whole: Analysis) -> None:
    frame = whole.to_frame()
    frame.loc[frame["metric"] == "attacked_dice", "value"] = -1.0
    assert "In 1 case the attack is below the certificate" in certified_conclusions(frame, ["vq"])[0]


@pytest.mark.parametrize(
    ("setting", "spelling"), [("", ""), ("radius=0.05", ""), ("radius=0.1:sigma=0.25", "sigma=0.25:radius=0.1")]
)
def test_a_setting_has_one_spelling(setting: str, spelling: str) -> None:
    assert Certified.canonical_setting(setting) == spelling


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("0.1", "as in certified@sigma=0.1:radius=0.05"),
        ("sigma=0", "above 0 and at most 1"),
        ("radius=0", "above 0 and at most 0.183"),
        ("radius=0.2", "above 0 and at most 0.183"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(setting: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Certified.canonical_setting(setting)
