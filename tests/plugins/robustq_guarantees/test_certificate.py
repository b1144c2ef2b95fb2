"""What is certified of a smoothed model, against loops over voxels, and the attack on it."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests
from torch import Tensor, nn

import robustq
from networks import noise, small, with_patch
from robustq.dataset import Case
from robustq.metrics import dice
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.model.windows import class_scores
from robustq.testing.example_cases import example_case
from robustq_attacks.l2 import L2
from robustq_guarantees.certificate import (
    ALPHA,
    TESTING,
    Certificate,
    certain_voxels,
    certified_dice,
    certify,
    largest_radius,
)
from robustq_guarantees.smoothed import Smoothed
from robustq_guarantees.smoothed_attack import attacked, differentiable, level_of


class Constant(nn.Module):
    """Answers the same scores for every image, while `weight` is 0."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(1, 2, 3, stride=2, padding=1)
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("scores", scores)

    def forward(self, images: Tensor) -> Tensor:
        return self.scores.expand(len(images), -1, -1, -1) + self.weight * self.encoder(images).mean()


class Brightness(nn.Module):
    """Label where a pixel is brighter than 0: the smoothed probability of every pixel is known."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.AvgPool2d(2)
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(images), 50 * images + self.weight * self.encoder(images).mean()], 1)


def wrapped(network: nn.Module, *size: int) -> Segmenter:
    return robustq.wrap(network, "none", at="encoder", example=noise(1, 1, *size)).eval()


def test_a_constant_classifier_certifies_everything() -> None:
    scores = noise(1, 2, 8, 8)
    model = wrapped(Constant(scores), 8, 8)
    truth = (scores[0, 1] > scores[0, 0])[None]
    case = example_case(noise(1, 8, 8, seed=3), truth)
    certificate = certify(Smoothed(model, 0.1), case, 0.1, 64)
    assert certificate.certified.equal(truth)
    assert certificate.masks.equal(truth)
    assert not certificate.abstained.any()
    assert certified_dice(certificate, case) == 1


def test_certified_pixels_of_a_known_classifier_are_farther_from_its_face_than_the_radius() -> None:
    model = wrapped(Brightness(), 16, 16)
    image = torch.linspace(-1, 1, 256).view(1, 16, 16)
    case = example_case(image, image > 0, intensity_range=torch.tensor([[-1.0, 1.0]]))
    certificate = certify(Smoothed(model, 0.1), case, 0.05, 64)
    # The noise has a standard deviation of 0.2 and the radius is 0.1, because the range is 2 wide.
    certain = ~certificate.abstained[0]
    assert (image[0][certain].abs() > 0.1).all()
    assert certain[image[0].abs() > 0.5].all()
    assert certificate.certified[0].equal(certain & (image[0] > 0))


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
def test_certain_voxels_are_those_of_statsmodels(share: float) -> None:
    agreeing = torch.from_numpy(np.random.default_rng(1).integers(100, TESTING + 1, (1, 5, 6)))
    counted = torch.ones(1, 5, 6, dtype=torch.bool)
    counted[0, 0] = False
    p = [binomtest(int(k), TESTING, share, alternative="greater").pvalue for k in agreeing[counted].tolist()]
    rejected = multipletests(p, ALPHA, "holm")[0]
    assert 0 < rejected.sum() < len(p)
    found = certain_voxels(agreeing, share, counted)
    assert found[counted].tolist() == rejected.tolist()
    assert not found[~counted].any()


@pytest.mark.parametrize("seed", range(4))
def test_certified_dice_is_the_smallest_over_all_answers_that_agree_with_the_certificate(seed: int) -> None:
    random = np.random.default_rng(seed)
    state = torch.from_numpy(random.choice([0, 1, 2], (4, 4), p=[0.4, 0.3, 0.3]))  # other, certified, abstained
    truth = torch.from_numpy(random.random((1, 4, 4)) < 0.5)
    certificate = Certificate(state[None] == 1, state[None] == 1, state[None] == 2)
    open_places = (state == 2).nonzero().tolist()
    lowest = math.inf
    for choice in product([False, True], repeat=len(open_places)):
        answer = state == 1
        for place, value in zip(open_places, choice, strict=True):
            answer[tuple(place)] = value
        lowest = min(lowest, dice(answer, truth[0]))
    assert certified_dice(certificate, example_case(noise(1, 4, 4), truth)) == pytest.approx(lowest)


def test_certified_dice_leaves_out_ignored_voxels_and_labels_that_the_truth_does_not_show() -> None:
    truth = torch.zeros(2, 4, 4, dtype=torch.bool)
    truth[0, 0] = True
    certified = torch.zeros_like(truth)
    certified[0, :2] = True
    ignored = torch.zeros(4, 4, dtype=torch.bool)
    ignored[1] = True
    certificate = Certificate(certified, certified, torch.zeros_like(truth))
    assert certified_dice(certificate, example_case(noise(1, 4, 4), truth)) == pytest.approx(2 * 4 / (8 + 4))
    assert certified_dice(certificate, example_case(noise(1, 4, 4), truth, ignored=ignored)) == 1
    assert math.isnan(certified_dice(certificate, example_case(noise(1, 4, 4), torch.zeros_like(truth))))


def test_no_voxel_is_certain_beyond_the_largest_radius() -> None:
    agreeing, counted = torch.full((1, 1, 1), TESTING), torch.ones(1, 1, 1, dtype=torch.bool)
    radius = largest_radius(0.25)
    assert certain_voxels(agreeing, float(ndtr(0.999 * radius / 0.25)), counted).all()
    assert not certain_voxels(agreeing, float(ndtr(1.001 * radius / 0.25)), counted).any()


CASES = {
    "2d": (small("8x4"), (16, 16), None),
    "sigmoid": (small("8x4", classes=1), (11, 14), None),
    "3d": (small("8x4", dims=3), (8, 8, 9), None),
    "slices": (small("none"), (6, 8, 2), 2),
    "windows": (with_patch(small("8x4"), 8, 8), (12, 10), None),
}


def made(name: str) -> tuple[Segmenter, Case]:
    model, size, axis = CASES[name]
    image = noise(1, *size)
    return model, example_case(image, image > 0.2, slice_axis=axis)


@pytest.mark.parametrize("name", [name for name in CASES if name != "windows"])
def test_votes_are_counted_as_in_a_loop_over_single_noisy_images(name: str) -> None:
    model, case = made(name)
    smoothed = Smoothed(model, 0.2)
    counts = smoothed.counts(case, range(5), 2)
    expected = torch.zeros(case.image.shape[1:], dtype=torch.int32)
    for image in smoothed.noisy(case, range(5)):
        (answers,) = predict(model, image[None], batch_size=1, axis=case.slice_axis)
        expected += answers.masks[0, 0]
    assert counts[1, 0].equal(expected)
    assert counts.sum(0).eq(5).all()
    assert (smoothed.noisy(case, range(3, 4))[0] - case.image).std() == pytest.approx(
        0.2 * float(case.intensity_range.diff()), rel=0.2
    )


@pytest.mark.parametrize("name", [name for name in CASES if name != "windows"])
def test_the_attack_stays_in_the_ball_and_never_falls_below_the_certificate(name: str) -> None:
    model, case = made(name)
    smoothed, radius = Smoothed(model, 0.2), 0.1
    certificate = certify(smoothed, case, radius, 64)
    changed = attacked(smoothed, case, radius, 64)
    width = float(case.intensity_range.diff())
    length = float((changed.image - case.image).norm()) / width
    assert 0.5 * radius < length < radius * (1 + 1e-5)
    masks = smoothed.masks(smoothed.counts(changed, range(220), 64).argmax(0))
    assert dice(masks[0], case.truth[0]) >= certified_dice(certificate, case) - 1e-9


@pytest.mark.parametrize(("name", "activation"), [("2d", "softmax"), ("sigmoid", "sigmoid"), ("windows", "softmax")])
def test_what_is_attacked_is_the_mean_of_the_probabilities(name: str, activation: str) -> None:
    model, case = made(name)
    followed = differentiable(Smoothed(model, 1e-9), case, 4)
    with torch.no_grad():
        scores = class_scores(model, case.image[None], batch_size=4).scores
        expected = scores.softmax(1) if activation == "softmax" else scores.sigmoid()
        assert torch.allclose(followed.run(case.image[None]).logits, expected, atol=1e-5)


def test_the_attack_lowers_the_dice_of_a_smoothed_model_more_than_noise_of_that_length() -> None:
    model = wrapped(Brightness(), 16, 16)
    image = 0.2 * noise(1, 16, 16)
    case = example_case(image, image > 0, intensity_range=torch.tensor([[-1.0, 1.0]]))
    smoothed, radius = Smoothed(model, 0.05), 0.8

    def answered(shown: Case) -> float:
        counts = smoothed.counts(shown, range(50), 64)
        return dice(smoothed.masks(counts.argmax(0))[0], case.truth[0])

    other = noise(1, 16, 16, seed=5)
    moved = example_case(image + 2 * radius * other / other.norm(), image > 0, intensity_range=case.intensity_range)
    assert answered(attacked(smoothed, case, radius, 64)) < answered(moved) - 0.05


def test_the_level_is_that_at_which_pgd_is_allowed_the_radius() -> None:
    case = example_case(noise(2, 6, 7), torch.ones(1, 6, 7, dtype=torch.bool))
    assert L2().radius(level_of(0.3, case), case.image.numel()) == pytest.approx(0.3)
