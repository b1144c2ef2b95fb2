"""The analyser `conformal`: who calibrates, who is tested, and what its table, sentences and figure say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import robustq
from analyses import analyse, model
from networks import noise, small
from robustq.analyser import Draws
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.latent.latents import latent
from robustq.model.segmenter import Segmenter
from robustq.results.analysis import Analysis
from robustq.run.subjects import Subjects
from robustq.testing.example_cases import example_case
from robustq_guarantees.conformal import Conformal
from robustq_guarantees.conformal_tables import CLEAN_RATES, RATES, conformal_conclusions, conformal_grids
from robustq_guarantees.threshold import calibrate, rates, split_groups, true_probabilities

DATA = "phantom:cases=20,domain=A"


def probability(segmenter: Segmenter, case: Case) -> torch.Tensor:
    with torch.no_grad():
        return segmenter.probabilities(segmenter.run(case.image[None]).logits)[0]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return small("8x4")


def cases(count: int, *size: int) -> list[Case]:
    made = []
    for seed in range(count):
        image = noise(1, *size, seed=seed)
        made.append(example_case(image, image > 0.5, name=f"p{seed:02}"))
    return made


def watched(analyser: Conformal, shown: list[Case]) -> dict[str, float | None]:
    for case in shown:
        analyser.clean(case, latent(analyser.model, case.image[None], batch_size=2, axis=None))
    return {finding.metric: finding.value for finding in analyser.findings()}


@pytest.mark.parametrize("size", [(9, 11), (6, 7, 8)])
def test_the_threshold_is_calibrated_on_the_first_half_and_the_rates_are_those_of_the_other(
    size: tuple[int, ...],
) -> None:
    segmenter, shown = small("8x4", dims=len(size)), cases(19, *size)
    analyser = Conformal(segmenter)
    found = watched(analyser, shown)
    calibrating, tested = split_groups([case.entry.group for case in shown], 0)
    assert (found["calibration_groups"], found["test_groups"]) == (10, 9)
    expected = calibrate(
        {
            case.entry.group: [true_probabilities(probability(segmenter, case).numpy(), case)]
            for case in shown
            if case.entry.group in calibrating
        },
        0.1,
    )
    assert found["conformal_threshold"] == expected
    for case in shown:
        clean = latent(segmenter, case.image[None], batch_size=2, axis=None)
        analyser.begin(case, clean)
        images = case.image + 0.3 * noise(6, *case.image.shape, seed=5)
        for first in (0, 3):
            drawn = [replace(case, image=image) for image in images[first : first + 3]]
            analyser.observe(Draws(first, clean, None, drawn, 2))
        measured = {(finding.metric, finding.draw): finding.value for finding in analyser.end()}
        if case.entry.group not in tested:
            assert not measured
            continue
        assert set(measured) == {(metric, None) for metric in CLEAN_RATES} | {(m, d) for m in RATES for d in range(4)}
        noisy = replace(case, image=images[3])
        kept = probability(segmenter, noisy) >= expected
        assert (measured["conformal_fnr", 3], measured["conformal_volume", 3]) == pytest.approx(rates(kept, noisy))
        own = rates(probability(segmenter, case) > 0.5, case)
        assert (measured["clean_answer_fnr", None], measured["clean_answer_volume", None]) == pytest.approx(own)


def test_groups_that_the_model_has_used_are_in_neither_half(segmenter: Segmenter) -> None:
    analyser = Conformal(segmenter, "fnr=0.3")
    analyser.used_groups = frozenset({"p00", "p03"})
    found = watched(analyser, cases(8, 9, 11))
    assert (found["calibration_groups"], found["test_groups"]) == (3, 3)
    assert found["conformal_threshold"] is not None


def test_too_few_groups_are_refused_in_words(segmenter: Segmenter) -> None:
    analyser = Conformal(segmenter)
    for case in cases(16, 9, 11):
        analyser.clean(case, latent(segmenter, case.image[None], batch_size=2, axis=None))
    refusal = next(finding for finding in analyser.findings() if finding.metric == "conformal_threshold")
    assert refusal.value is None
    assert "8 patients to calibrate on" in refusal.reason
    assert "needs 9" in refusal.reason


def test_a_case_without_a_label_calibrates_nothing(segmenter: Segmenter) -> None:
    empty = example_case(noise(1, 9, 11), torch.zeros(1, 9, 11, dtype=torch.bool), name="empty")
    found = watched(Conformal(segmenter), [empty, *cases(4, 9, 11)])
    assert found["calibration_groups"] + found["test_groups"] == 4


def test_the_run_says_which_groups_a_model_has_used() -> None:
    trained = model("none")
    subjects = Subjects.gather({"m": trained}, DATA, split="all", device="cpu")
    seen, chose = (subjects.cases.dataset.fingerprint(entry) for entry in subjects.good[:2])
    trained.spec = trained.spec.but(training={"training_cases": [seen], "validation_cases": [chose]})
    subjects = Subjects.gather({"m": trained, "n": model("none")}, DATA, split="all", device="cpu")
    assert subjects.used_groups() == {"m": {entry.group for entry in subjects.good[:2]}, "n": frozenset()}


@pytest.fixture(scope="module")
def whole() -> Analysis:
    return analyse({"m": model("none")}, data=DATA, check="conformal", levels=[10, 60], draws=2)


def test_a_run_has_a_table_with_the_clean_level_and_a_figure(whole: Analysis) -> None:
    grid = whole.grids()[-1]
    assert grid.title.startswith("Conformal threshold for an FNR of 0.1")
    ((section, lines),) = grid.sections
    assert section == "gaussian"
    assert [line[1] for line in lines] == ["0\N{NO-BREAK SPACE}%", "10\N{NO-BREAK SPACE}%", "60\N{NO-BREAK SPACE}%"]
    assert list(whole.figures) == ["conformal-gaussian"]
    assert any(sentence.startswith("m: the threshold 0.") for sentence in whole.conclusions())


def test_the_figures_of_the_table_are_those_of_the_rows(whole: Analysis) -> None:
    frame = whole.to_frame()
    at_60 = frame[(frame["metric"] == "conformal_fnr") & (frame["level"] == 60)]
    assert len(at_60) == 10 * 2
    lines = whole.grids()[-1].sections[0][1]
    assert lines[2][2] == f"{at_60['value'].mean():.3f}"
    clean = frame[(frame["metric"] == "clean_conformal_fnr") & (frame["level"] == 10)]
    assert lines[0][2] == f"{clean['value'].mean():.3f}"
    full = whole.summary()["table_figures"]
    assert [each["value"] for each in full][::2] == pytest.approx([clean["value"].mean(), at_60["value"].mean()])
    assert [f"{each['low']:.3f}" for each in full] == [line[3] for line in lines]


def test_a_run_with_few_patients_says_that_there_is_no_threshold() -> None:
    analysis = analyse(data="phantom:cases=4,domain=A", check="conformal", levels=[10], draws=2)
    (sentence,) = [sentence for sentence in analysis.conclusions() if "threshold" in sentence]
    assert sentence.startswith("vq and plain: no conformal threshold, because there are 2 patients to calibrate on")
    assert not any("Conformal" in grid.title for grid in analysis.grids())
    assert not analysis.figures


def test_a_model_without_a_threshold_is_named_below_the_table_of_the_others() -> None:
    few = rows_of({0: 0.06, 10: 0.1}).query("metric in ['promised_fnr', 'conformal_threshold']")
    few = few.assign(model="n", value=few["value"].where(few["metric"] == "promised_fnr"), reason="there are few")
    rows = pd.concat([rows_of({0: 0.06, 10: 0.1}), few])
    (grid,) = conformal_grids(rows, ["m", "n"], sample="twelve")
    assert {line[0] for _, lines in grid.sections for line in lines} == {"m"}
    assert "n has no threshold: there are few." in grid.notes


def rows_of(fnr: dict[float, float], groups: int = 12) -> pd.DataFrame:
    """Rows of one model whose FNR at each level is that one, give or take 0.01 from patient to patient."""
    blank = {
        "model": "m", "dataset": "d", "domain": "", "group": "", "case": "", "draw": None, "training_seed": 0,
        "perturbation": "clean", "level": 0.0, "label": "", "unit": "", "status": "ok", "reason": "",
    }  # fmt: skip
    overall = {"promised_fnr": 0.1, "conformal_threshold": 0.4, "calibration_groups": 12, "test_groups": groups}
    rows = [{**blank, "metric": metric, "value": value} for metric, value in overall.items()]
    for group in range(groups):
        place = {**blank, "group": f"p{group}", "case": f"c{group}", "perturbation": "gaussian"}
        for level, rate in fnr.items():
            value = rate + 0.01 * np.cos(group)
            metrics = RATES if level else CLEAN_RATES
            at = {**place, "level": level or min(level for level in fnr if level)}
            rows += [{**at, "metric": metric, "value": value, "draw": 0 if level else None} for metric in metrics]
    return pd.DataFrame(rows)


def test_the_promise_breaks_where_the_lower_bound_is_above_it() -> None:
    rows = rows_of({0: 0.06, 10: 0.102, 30: 0.3})
    (grid,) = conformal_grids(rows, ["m"], sample="twelve")
    ((_, lines),) = grid.sections
    assert [line[4] for line in lines] == ["not broken", "not broken", "broken"]
    (sentence,) = conformal_conclusions(rows, ["m"])
    assert "gaussian of 30\N{NO-BREAK SPACE}% breaks it" in sentence
    assert "on clean images it is 0.06" in sentence


def test_a_promise_that_clean_images_break_is_said_first() -> None:
    (sentence,) = conformal_conclusions(rows_of({0: 0.3, 10: 0.3}), ["m"])
    assert "on clean images of the test half it is already 0.30" in sentence


def test_a_promise_that_no_level_breaks_is_not_called_proven() -> None:
    (sentence,) = conformal_conclusions(rows_of({0: 0.05, 10: 0.05, 30: 0.06}), ["m"])
    assert "gaussian up to 30\N{NO-BREAK SPACE}% is not shown to break it" in sentence


@pytest.mark.parametrize(
    ("setting", "spelling"),
    [("", ""), ("fnr=0.10", ""), ("fnr=.05", "fnr=0.05"), ("seed=3:fnr=0.2", "fnr=0.2:seed=3"), ("seed=0", "")],
)
def test_a_setting_has_one_spelling(setting: str, spelling: str) -> None:
    assert Conformal.canonical_setting(setting) == spelling


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("0.1", "as in conformal@fnr=0.1"),
        ("fnr=0.1:fnr=0.2", "at most once"),
        ("fnr=low", "NAME=NUMBER"),
        ("fnr=nan", "NAME=NUMBER"),
        ("fnr=1", "between 0 and 1"),
        ("seed=1.5", "whole number"),
        ("seed=-1", "whole number"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(setting: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Conformal.canonical_setting(setting)


def test_a_check_with_a_setting_runs() -> None:
    analysis = robustq.analyse(
        {"m": model("none")}, "phantom:cases=6,domain=A", check="conformal@fnr=0.5:seed=2", levels=[10], draws=2
    )
    assert analysis.asked["checks"][-1] == "conformal@fnr=0.5:seed=2"
    assert analysis.grids()[-1].title.startswith("Conformal threshold for an FNR of 0.5")
