"""The conformal threshold against a search over all thresholds, and its promise by simulation."""

import math

import numpy as np
import pytest
import torch

from networks import noise
from robustq.dataset import Case
from robustq.testing.example_cases import example_case
from robustq_guarantees.threshold import (
    CaseProbabilities,
    Rates,
    calibrate,
    fewest_groups,
    rates,
    split_groups,
    true_probabilities,
)


def fnr(groups: dict[str, list[CaseProbabilities]], threshold: float) -> float:
    """The mean over groups of the mean over cases of the mean over labels of what a threshold misses."""
    return float(
        np.mean(
            [
                np.mean([np.mean([np.mean(values < threshold) for values in labels]) for labels in cases])
                for cases in groups.values()
            ]
        )
    )


def drawn(count: int, seed: int, *, digits: int = 9) -> dict[str, list[CaseProbabilities]]:
    """Groups of one to three cases with one or two labels of one to six voxels."""
    random = np.random.default_rng(seed)
    return {
        f"p{group}": [
            [
                np.round(random.random(random.integers(1, 7)), digits).astype(np.float32)
                for _ in range(random.integers(1, 3))
            ]
            for _ in range(random.integers(1, 4))
        ]
        for group in range(count)
    }


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("count", "rate", "digits"), [(9, 0.1, 9), (14, 0.1, 1), (30, 0.2, 1), (12, 0.7, 9)])
def test_the_threshold_is_the_largest_of_all_that_keep_the_rate(
    count: int, rate: float, digits: int, seed: int
) -> None:
    groups = drawn(count, seed, digits=digits)
    tried = {float(value) for cases in groups.values() for labels in cases for values in labels for value in values}
    kept = [t for t in tried if (count * fnr(groups, t) + 1) / (count + 1) <= rate + 1e-12]
    found = calibrate(groups, rate)
    assert found == max(kept)
    beyond = np.nextafter(np.float32(found), np.float32(2))
    assert (count * fnr(groups, float(beyond)) + 1) / (count + 1) > rate


def test_nine_groups_allow_no_miss_at_a_rate_of_a_tenth() -> None:
    groups = drawn(9, 1)
    assert calibrate(groups, 0.1) == min(
        float(v.min()) for cases in groups.values() for labels in cases for v in labels
    )
    with pytest.raises(ValueError, match="8 groups are too few"):
        calibrate(drawn(8, 1), 0.1)


@pytest.mark.parametrize(("rate", "fewest"), [(0.1, 9), (0.05, 19), (0.01, 99), (0.2, 4), (0.5, 1), (0.3, 3)])
def test_the_fewest_groups_are_those_at_which_one_over_n_plus_one_reaches_the_rate(rate: float, fewest: int) -> None:
    assert fewest_groups(rate) == fewest


def test_half_of_the_groups_calibrate_and_the_others_test() -> None:
    names = [f"p{number}" for number in range(19)]
    calibrating, tested = split_groups([*names, *names], 3)
    assert (len(calibrating), len(tested)) == (10, 9)
    assert sorted([*calibrating, *tested]) == sorted(names)
    assert split_groups(reversed(names), 3) == (calibrating, tested)
    assert split_groups(names, 4) != (calibrating, tested)
    assert split_groups([], 0) == ([], [])


def test_the_promise_holds_on_average_over_exchangeable_groups() -> None:
    random = np.random.default_rng(0)
    missed = []
    for _ in range(400):
        # Every patient has an own difficulty, so that the rates of patients differ.
        skills = random.uniform(0.5, 6, 21)
        cases = {f"p{place}": [[random.beta(skill, 1, 50).astype(np.float32)]] for place, skill in enumerate(skills)}
        new = cases.pop("p20")
        threshold = calibrate(cases, 0.1)
        missed.append(float(np.mean(new[0][0] < threshold)))
    error = np.std(missed) / math.sqrt(len(missed))
    assert np.mean(missed) < 0.1 + 2 * error
    assert np.mean(missed) > 0.04  # it is not kept by marking everything


def case(mask: torch.Tensor, ignored: torch.Tensor | None = None) -> Case:
    return example_case(noise(1, *mask.shape[1:]), mask, ignored=ignored)


def test_rates_by_hand_count_neither_ignored_voxels_nor_labels_that_the_truth_does_not_show() -> None:
    truth = torch.zeros(2, 3, 3, dtype=torch.bool)
    truth[0, 0] = True
    answer = torch.zeros_like(truth)
    answer[0, 0, 0] = answer[0, 1] = True
    answer[1] = True  # invented
    assert rates(answer, case(truth)) == Rates(pytest.approx(2 / 3), pytest.approx(4 / 3))
    ignored = torch.zeros(3, 3, dtype=torch.bool)
    ignored[0, 2] = ignored[1, 1] = True
    assert rates(answer, case(truth, ignored)) == Rates(pytest.approx(1 / 2), pytest.approx(3 / 2))
    assert rates(answer, case(torch.zeros_like(truth))) is None


@pytest.mark.parametrize("size", [(4, 5), (3, 4, 5)])
def test_true_probabilities_are_those_of_the_labels_that_the_truth_shows(size: tuple[int, ...]) -> None:
    truth = noise(3, *size) > 0.5
    truth[1] = False
    probabilities = noise(3, *size, seed=1).numpy()
    first, last = true_probabilities(probabilities, case(truth))
    assert list(first) == list(probabilities[0][truth[0].numpy()])
    assert list(last) == list(probabilities[2][truth[2].numpy()])
