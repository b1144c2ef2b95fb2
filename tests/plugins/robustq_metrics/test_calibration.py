"""The metrics of probabilities, against torchmetrics, scikit-learn and cases whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Bool, Float
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.classification import BinaryCalibrationError

import robustq
from robustq.errors import RequestError
from robustq.metric import Comparison, Truth, parse_metrics
from robustq.testing.metric import check_metric

NAMES = ("ece", "ace", "brier", "nll")


def score(name: str, probability: Float[np.ndarray, "*s"], truth: Bool[np.ndarray, "*s"]) -> float:
    (metric,) = parse_metrics(name).values()
    return metric.score(Comparison(probability > 0.5, Truth(truth), probability=probability))


def sample(seed: int, size: int = 400) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    generator = np.random.default_rng(seed)
    return generator.random(size), generator.random(size) < 0.4


@given(st.integers(0, 10_000))
def test_the_figures_are_those_of_torchmetrics_and_scikit_learn(seed: int) -> None:
    probability, truth = sample(seed)
    calibration = BinaryCalibrationError(n_bins=15, norm="l1")
    reference = calibration(torch.tensor(probability), torch.tensor(truth).int())
    # torchmetrics adds up float32.
    assert score("ece@whole", probability, truth) == pytest.approx(float(reference), abs=1e-6)
    assert score("brier@whole", probability, truth) == pytest.approx(brier_score_loss(truth, probability))
    assert score("nll@whole", probability, truth) == pytest.approx(log_loss(truth, probability))


def test_a_calibrated_answer_has_no_calibration_error_but_that_of_sampling() -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(200_000)
    truth = generator.random(200_000) < probability
    # In a bin of n voxels the mean deviates by √(2 / π · p(1-p) / n) on average: 0.0028 over 15 bins here.
    assert score("ece@whole", probability, truth) < 0.005
    assert score("ace@whole", probability, truth) < 0.005
    assert score("ece@whole", probability**2, truth) > 0.1


@pytest.mark.parametrize(("prior", "expected"), [(0.25, 0.0), (0.6, 0.35)])
def test_a_constant_prior_is_wrong_by_its_distance_from_the_share_of_true_voxels(prior: float, expected: float) -> None:
    truth = np.arange(400) % 4 == 0
    constant = np.full(400, prior)
    assert score("ece@whole", constant, truth) == pytest.approx(expected)
    assert score("ace@whole", constant, truth) == pytest.approx(expected)
    assert score("brier@whole", constant, truth) == pytest.approx(0.25 * (1 - prior) ** 2 + 0.75 * prior**2)
    assert score("nll@whole", constant, truth) == pytest.approx(-0.25 * math.log(prior) - 0.75 * math.log(1 - prior))


def test_the_bins_of_ace_hold_equally_many_voxels_where_none_are_equal() -> None:
    probability, truth = sample(3, size=150)
    order = np.argsort(probability)
    expected = [
        abs(probability[part].mean() - truth[part].mean()) * len(part) / 150 for part in np.array_split(order, 15)
    ]
    assert score("ace@whole", probability, truth) == pytest.approx(sum(expected))
    shuffled = np.random.default_rng(4).permutation(150)
    rounded = probability.round(1)
    assert score("ace@whole", rounded, truth) == score("ace@whole", rounded[shuffled], truth[shuffled])


def test_a_sure_answer_that_is_wrong_has_the_likelihood_of_the_clipped_probability() -> None:
    truth = np.array([True, False, False, False])
    assert score("nll@whole", np.array([0.0, 0.0, 0.0, 1.0]), truth) == pytest.approx(-math.log(1e-7) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_only_voxels_within_five_of_truth_or_answer_count(name: str) -> None:
    probability, truth = np.full((40, 30), 0.01), np.zeros((40, 30), bool)
    truth[10:14, 10:14] = True
    probability[11:15, 10:14] = 0.8
    held = truth | (probability > 0.5)
    rows, columns = np.nonzero(held)
    near = np.array(
        [[((rows - row) ** 2 + (columns - column) ** 2).min() <= 25 for column in range(30)] for row in range(40)]
    )
    assert score(name, probability, truth) == score(f"{name}@whole", probability[near], truth[near])
    # Far voxels that count dilute the error of the near ones.
    assert score(f"{name}@whole", probability, truth) < score(name, probability, truth)
    far = probability.copy()
    far[35:] = 0.3
    assert score(name, far, truth) == score(name, probability, truth)


@pytest.mark.parametrize("name", NAMES)
def test_an_ignored_voxel_does_not_count(name: str) -> None:
    probability, truth = sample(5)
    ignored = probability.copy()
    ignored[:100] = math.nan
    cleared = truth & np.isfinite(ignored)
    assert score(f"{name}@whole", ignored, cleared) == score(f"{name}@whole", probability[100:], truth[100:])
    assert math.isnan(score(name, np.full(4, math.nan), np.array([True, False, False, False])))


@pytest.mark.parametrize("text", [*NAMES, *(f"{name}@whole" for name in NAMES)])
def test_each_keeps_the_contract_under_one_spelling(text: str) -> None:
    ((name, metric),) = parse_metrics(text).items()
    assert name == text
    check_metric(metric)


def test_another_setting_is_refused_with_what_it_takes() -> None:
    with pytest.raises(RequestError, match=r"metric 'ece@near': 'near' names no voxels.*give @whole"):
        parse_metrics("ece@near")


def test_a_run_has_the_figures_of_every_label_at_every_level() -> None:
    model = robustq.wrap("unet", "8x4", classes=4, width=4, scales=2, groups=2).eval()
    run = robustq.stress({"m": model}, "phantom:cases=1", levels=[50], draws=1, metrics="dice,ece,nll@whole")
    rows: pd.DataFrame = run.to_frame()
    for name in ("ece", "nll@whole"):
        measured = rows[rows["metric"] == name]
        assert set(measured["level"]) == {0, 50}
        assert (measured["value"] > 0).all()
