"""A model's answer that is not finite is neither scored as zero nor dropped unseen."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

import analyses
import robustq
from robustq.data.open_dataset import open_dataset
from robustq.model.load import load
from robustq.model.segmenter import Segmenter
from robustq.report.stress_table import curve_grid
from robustq.run.demonstration import demonstration_pair
from robustq.run.minimal_level import NoAnswerError
from robustq.statistics import compare

DATA = "phantom:cases=3,domain=B"
NAN, INFINITE = math.nan, math.inf


def model(value: float = NAN, beyond: float = math.inf) -> Segmenter:
    """A trained model; one of its scores is `value` where the values of the image deviate more than `beyond`."""
    made = load(demonstration_pair()["unet"])
    run = made.run

    def answered(images: Tensor) -> Any:
        parts = run(images)
        scores = parts.logits.clone()
        scores[images.flatten(1).std(1) > beyond, 1, 0, 0] = value
        return replace(parts, logits=scores)

    made.run = answered  # type: ignore[method-assign]
    return made


def stressed(models: dict[str, Segmenter], **asked: object) -> robustq.Run:
    return robustq.stress(models, DATA, levels=[5, 60], draws=2, **asked)


@pytest.mark.parametrize("value", [NAN, INFINITE])
def test_every_metric_and_scored_label_of_such_an_answer_has_a_row_without_value(value: float) -> None:
    run = stressed({"sound": model(), "wild": model(value, 0.5)}, metrics="dice,hd95")
    frame = run.to_frame()
    wild, sound = frame[(frame["model"] == "wild") & (frame["level"] == 60)], frame[frame["model"] == "sound"]
    assert set(wild["status"]) == {"no-answer"}
    assert wild["value"].isna().all()
    assert set(wild["reason"]) == {"the model's answer holds NaN or infinity"}
    assert len(wild) == len(sound[sound["level"] == 60])
    assert "no-answer" not in set(sound["status"]) | set(frame[frame["level"] < 60]["status"])


def test_a_class_that_is_ruled_out_by_minus_infinity_is_an_answer() -> None:
    frame = stressed({"wild": model(-INFINITE, 0.0)}).to_frame()
    assert "no-answer" not in set(frame["status"])


def test_its_count_stands_beside_the_figure_and_there_is_no_retention() -> None:
    run = stressed({"sound": model(), "wild": model(NAN, 0.5)})
    (_, lines), *_ = curve_grid(run.curves()).sections
    labels = len(run.to_frame().query("metric == 'dice' and level == 60 and model == 'wild'"))
    of = {line[0]: line[1:] for line in lines}
    assert f"({labels} no answer)" in of["wild"][2]
    assert of["wild"][3:5] == ["–", "–"]
    assert "no answer" not in " ".join(of["sound"])
    assert "–" not in of["sound"][3:5]
    curve = next(curve for curve in run.summary()["curves"] if curve["model"] == "wild")
    assert curve["retention"][2] is None
    assert curve["retention"][1] is not None
    assert [level["unanswered"] for level in curve["levels"]] == [0, 0, labels]
    json.dumps(run.summary(), allow_nan=False)


def test_a_comparison_leaves_it_out_on_both_sides() -> None:
    run = stressed({"sound": model(), "wild": model(NAN, 0.5)})
    compared = compare(run.to_frame(), "sound").set_index("level")
    assert compared.loc[60, "groups"] == 0
    assert math.isnan(compared.loc[60, "baseline_mean"])
    assert compared.loc[60, "unanswered"] > 0 == compared.loc[60, "baseline_unanswered"]
    assert compared.loc[5, "groups"] == 3


def test_a_gain_is_not_seen_where_the_hard_cases_have_no_answer() -> None:
    run = stressed({"wild": model(NAN, 0.5)})
    assert run.raised_notes() == []


def test_a_search_that_meets_one_has_no_level_and_its_case_is_left_out_for_every_model() -> None:
    found = robustq.minimal_levels(
        {"sound": model(), "wild": model(NAN, 0.5)},
        DATA,
        "gaussian",
        threshold=0.0001,
        draws=1,
        resolution=50,
    )
    assert found.to_frame().empty
    assert any(note.startswith("No answer: wild gave") for note in found.notes())
    assert found.failures == {}
    found.grid()
    wild, data = model(NAN, 0.5), open_dataset(DATA)
    case = wild.spec.preparation(data.read(data.entries[0]))
    with pytest.raises(NoAnswerError, match="% the model's answer holds NaN"):
        robustq.minimal_level(wild, case, "gaussian", threshold=0.0001, draws=1)


def test_latents_that_are_not_finite_are_named_and_no_other_figure_changes(tmp_path: Path) -> None:
    sound, wild = analyses.model(), analyses.model()
    encode = wild.encode

    def encoded(images: Tensor) -> Tensor:
        embedding = encode(images)
        return torch.where(images.flatten(1).std(1)[:, None, None, None] > 0.4, NAN, embedding)

    wild.encode = encoded  # type: ignore[method-assign]
    analysis = analyses.analyse({"wild": wild}, check="latent-variance,codebook", levels=[5, 80], out=tmp_path / "a")
    alone = analyses.analyse({"wild": sound}, check="latent-variance,codebook", levels=[5], out=tmp_path / "b")
    rows = analysis.to_frame()
    lost = rows[rows["status"] == "no-answer"]
    assert set(lost["level"]) == {80.0}
    assert set(lost["reason"]) == {"the latents hold NaN or infinity"}
    assert set(rows[rows["level"] == 80]["status"]) == {"no-answer"}
    keep = ["case", "level", "metric", "label", "value"]
    low = rows[rows["level"] == 5][keep].reset_index(drop=True)
    pd.testing.assert_frame_equal(low, alone.to_frame().query("level == 5")[keep].reset_index(drop=True))
    assert any("the latents hold NaN or infinity. This is in no figure" in note for note in analysis.summary()["notes"])
    assert analysis.grids()
