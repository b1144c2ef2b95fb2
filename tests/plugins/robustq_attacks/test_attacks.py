"""What attacks do to an image, against results worked out by hand."""

from dataclasses import replace
from math import log, sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn
from torch.nn import functional as F

import robustq
from linear_networks import Linear, case_of, generator, linear, one_voxel
from networks import noise, small, with_patch
from robustq import registry
from robustq.attack import AbstractAttack
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import own_range
from robustq.draws.by_name import load_attacks
from robustq.draws.seeds import draw_generator
from robustq.errors import RequestError
from robustq.network.output_masks import masks
from robustq.run.demonstration import demonstration_pair
from robustq.scoring.mean_dice import mean_dice
from robustq_attacks.ascent import STEP, Ascent
from robustq_attacks.bpda import BPDA
from robustq_attacks.entropy import voxel_losses, wrong_voxels
from robustq_attacks.fgsm import FGSM
from robustq_attacks.gradient import loss_gradient
from robustq_attacks.l2 import L2
from robustq_attacks.linf import LInfinity
from robustq_attacks.pgd import PGD
from robustq_attacks.segpgd import SegPGD
from robustq_attacks.soft import TEMPERATURE, softened


@pytest.mark.parametrize("name", ["pgd", "bpda", "segpgd", "fgsm", "apgd"])
def test_in_l_inf_a_linear_model_is_attacked_to_the_optimum_the_signs_of_its_gradient(name: str) -> None:
    case, direction, model = one_voxel()
    attacked = registry.load("attacks", name)()(case, 3.0, generator(), model)
    change = attacked.image - case.image
    epsilon = 0.03 * torch.tensor([4.0, 2.0]).view(2, 1, 1)
    touched = direction != 0
    torch.testing.assert_close(change[touched], (epsilon * direction.sign())[touched], rtol=0, atol=1e-6)


def test_in_l2_a_linear_model_is_attacked_to_the_optimum_its_normalised_gradient() -> None:
    case, direction, model = one_voxel(channels=1)
    attacked = PGD(Ascent(L2(), 80))(case, 3.0, generator(), model)
    optimum = 0.03 * 4.0 * sqrt(1 * 7 * 6) * direction / direction.norm()
    torch.testing.assert_close(attacked.image - case.image, optimum, rtol=0, atol=1e-4)
    fast = FGSM(L2())(case, 3.0, generator(), model)
    torch.testing.assert_close(fast.image - case.image, optimum, rtol=0, atol=1e-6)


def test_in_l2_the_ball_is_round_in_shares_of_each_channels_range() -> None:
    case, direction, model = one_voxel()
    change = FGSM(L2())(case, 3.0, generator(), model).image - case.image
    span = torch.tensor([4.0, 2.0]).view(2, 1, 1)
    shares = span * direction  # the gradient with respect to δ / span
    torch.testing.assert_close(change, 0.03 * sqrt(2 * 7 * 6) * span * shares / shares.norm(), rtol=0, atol=1e-6)


def test_the_default_l2_attack_ends_near_the_optimum_too() -> None:
    case, direction, model = one_voxel(channels=1)
    change = (PGD(Ascent(L2()))(case, 3.0, generator(), model).image - case.image).flatten()
    assert F.cosine_similarity(change, direction.flatten(), dim=0) > 0.98


@given(
    text=st.sampled_from(["fgsm", "pgd@3", "bpda@3", "segpgd@3", "fgsm@l2", "pgd@l2-3", "segpgd@l2-3"]),
    level=st.floats(1e-3, 100),
    seed=st.integers(0, 5),
)
@settings(max_examples=40)
def test_the_radius_is_never_exceeded(text: str, level: float, seed: int) -> None:
    ((_, attack),) = load_attacks([text]).items()
    case, _, _ = one_voxel()
    case = replace(case, ignored=None)
    model = small("8x4", in_channels=2, seed=1)
    shares = (attack(case, level, generator(seed), model).image - case.image).double()
    shares /= torch.tensor([4.0, 2.0]).view(2, 1, 1)
    rounding = 1e-6 * (1 + level / 100)
    if "l2" in text:
        assert shares.norm() <= level / 100 * sqrt(2 * 7 * 6) + rounding * sqrt(shares.numel())
    else:
        assert shares.abs().max() <= level / 100 + rounding


@pytest.mark.parametrize("norm", [LInfinity(), L2()])
def test_fgsm_is_one_step_of_the_ascent_by_hand(norm: LInfinity | L2) -> None:
    model, image = small("8x4", seed=2), noise(1, 8, 8)
    case = case_of(image, image[:1] > 0)
    shown = image[None].clone().requires_grad_()
    F.cross_entropy(model(shown), (image > 0).long()).backward()
    gradient = shown.grad[0]
    expected = 0.2 * gradient.sign() if norm.name == "linf" else 0.2 * sqrt(64) * gradient / gradient.norm()
    attacked = FGSM(norm)(case, 5.0, generator(), model)
    torch.testing.assert_close(attacked.image, image + expected, rtol=0, atol=1e-5)
    model.zero_grad()


def test_pgd_is_the_ascent_that_a_loop_by_hand_makes() -> None:
    model, image = small("8x4", seed=2), noise(1, 8, 8)
    case = case_of(image, image[:1] > 0)
    start = 0.05 * (2 * torch.rand(1, 8, 8, generator=generator(3)) - 1)
    moved = image + 4 * start
    for _ in range(3):
        moved = moved.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(moved[None]), (image > 0).long()), moved)
        moved = image + (moved + STEP * 0.2 * gradient.sign() - image).clamp(-0.2, 0.2)
    attacked = PGD(Ascent(steps=3))(case, 5.0, generator(3), model)
    torch.testing.assert_close(attacked.image, moved, rtol=0, atol=1e-5)


def test_starts_fill_the_ball_evenly() -> None:
    starts = torch.stack(
        [LInfinity().start(torch.Size([1, 1, 2]), 3.0, generator(seed)).flatten() for seed in range(400)]
    )
    assert starts.abs().max() <= 3
    assert starts.abs().mean() == pytest.approx(1.5, abs=0.1)
    round_ = torch.stack([L2().start(torch.Size([1, 1, 2]), 3.0, generator(seed)).flatten() for seed in range(400)])
    assert round_.norm(dim=1).max() <= 3 * (1 + 1e-6)
    assert (round_.norm(dim=1) < 3 / sqrt(2)).float().mean() == pytest.approx(0.5, abs=0.08)  # half of the disc's area


def test_segpgd_weighs_voxels_as_the_paper_does() -> None:
    wrong = torch.tensor([[[[True, False]]]])
    ones = torch.ones(1, 1, 1, 2)
    weights = {step: SegPGD(Ascent(steps=5)).loss(step)(ones, lambda: wrong).flatten().tolist() for step in (1, 3, 5)}
    assert weights[1] == pytest.approx([0, 1])
    assert weights[3] == pytest.approx([0.2, 0.8])
    assert weights[5] == pytest.approx([0.4, 0.6])


def test_the_loss_of_a_segpgd_step_is_the_papers_by_hand() -> None:
    scores = torch.tensor([[[[2.0, 0.0, 1.0]], [[0.0, 1.0, 3.0]]]])  # (1, 2, 1, 3)
    truth = torch.tensor([[[[True, True, True]]]])
    losses, wrong = (function(scores, truth, "softmax") for function in (voxel_losses, wrong_voxels))
    entropies = [log(1 + torch.tensor(margin).exp().item()) for margin in (2.0, -1.0, -2.0)]
    assert wrong.flatten().tolist() == [True, False, False]
    share = (4 - 1) / (2 * 10)
    expected = share * entropies[0] + (1 - share) * (entropies[1] + entropies[2])
    weighted = SegPGD(Ascent(steps=10)).loss(4)(losses, lambda: wrong).sum()
    assert weighted.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_have_the_gradient_of_the_scores_they_come_from(classes: int) -> None:
    weight = noise(classes, 1, 3, 3, seed=1)
    mask = torch.stack([noise(6, 5, seed=9) > 0.3, noise(6, 5, seed=9) < -0.3])[: classes - 1]
    case = replace(case_of(noise(1, 6, 5), mask), labels=("a", "b")[: classes - 1])
    given_scores = linear(weight)
    ended = linear(weight, "probabilities", nn.Softmax(1))
    one, other = (loss_gradient(model, case, case.image) for model in (given_scores, ended))
    torch.testing.assert_close(one, other)


def test_overlapping_labels_have_the_gradient_of_the_binary_cross_entropy() -> None:
    weight = noise(2, 1, 3, 3, seed=1)
    mask = torch.stack([noise(6, 5, seed=9) > 0.3, noise(6, 5, seed=9) > 0])
    case = replace(case_of(noise(1, 6, 5), mask), labels=("a", "b"))
    image = case.image[None].clone().requires_grad_()
    scores = F.conv2d(image, weight, padding=1)
    F.binary_cross_entropy_with_logits(scores, mask[None].float(), reduction="sum").backward()
    for model in (linear(weight, "sigmoid"), linear(weight, "probabilities", nn.Sigmoid())):
        torch.testing.assert_close(loss_gradient(model, case, case.image), image.grad[0] / image.grad.abs().max())


def test_a_volume_in_slices_has_the_gradient_of_the_sum_over_its_slices() -> None:
    volume = noise(1, 6, 5, 20).requires_grad_()
    case = case_of(volume.detach(), volume[:1] > 0.2, slice_axis=2)
    model = small("8x4", seed=3).eval()
    for place in range(20):
        logits = model.run(volume[None, ..., place]).logits
        F.cross_entropy(logits, case.mask[..., place].long(), reduction="sum").backward()
    expected = volume.grad / volume.grad.abs().max()
    torch.testing.assert_close(loss_gradient(model, case, case.image), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("sliced", [False, True])
def test_a_model_with_a_patch_has_the_gradient_of_its_answer_by_windows(sliced: bool) -> None:
    model, shape = with_patch(small("8x4", seed=3), 6, 4), (9, 7, 3) if sliced else (9, 7)
    image = noise(1, *shape).requires_grad_()
    case = case_of(image.detach(), image[:1] > 0.2, slice_axis=2 if sliced else None)
    for place in range(3) if sliced else (...,):
        logits = sliding_window_inference(
            image[None, ..., place],
            (6, 4),
            16,
            lambda batch: model.run(batch).logits.clone(),
            overlap=0.5,
            mode="gaussian",
        )
        F.cross_entropy(logits, case.mask[..., place].long(), reduction="sum").backward()
    expected = image.grad / image.grad.abs().max()
    torch.testing.assert_close(loss_gradient(model, case, case.image), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("answer", ["softmax", "sigmoid"])
@pytest.mark.parametrize("norm", [LInfinity(), L2()])
def test_a_network_that_is_sure_of_every_voxel_is_attacked_like_others(answer: str, norm: LInfinity | L2) -> None:
    weight = noise(1 if answer == "sigmoid" else 2, 1, 3, 3, seed=1)
    image, sure = noise(1, 8, 8), linear(200 * weight, answer)
    scores = sure(image[None]).detach().requires_grad_()
    margin = (scores[0, 0] - (scores[0, 1] if answer == "softmax" else 0)).abs()
    ignored = (margin < 120) | (margin > 600)
    case = case_of(image, masks(scores, answer, 1)[0], ignored=ignored)  # right everywhere
    truth = case.mask[None].float() if answer == "sigmoid" else case.mask.long()
    loss = F.binary_cross_entropy_with_logits if answer == "sigmoid" else F.cross_entropy
    (plain,) = torch.autograd.grad(loss(scores, truth, reduction="none")[..., ~ignored].sum(), scores)
    assert not plain.any()  # what float32 sees of it
    attacked = FGSM(norm)(case, 40.0, generator(), sure).image
    assert not masks(sure(attacked[None]), answer, 1)[0][:, ~ignored].equal(case.mask[:, ~ignored])


@pytest.mark.parametrize("attack", [FGSM(), FGSM(L2())])
def test_a_gradient_that_is_not_finite_is_refused_with_the_case_it_belongs_to(attack: FGSM) -> None:
    class Root(Linear):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images.square().sqrt())  # has no derivative at 0

    image = noise(1, 8, 8)
    image[0, 0, 0] = 0.0
    model = robustq.wrap(Root(noise(2, 1, 3, 3)), "none", at="layer", classes=2, example=torch.ones(1, 1, 8, 8))
    with pytest.raises(RequestError, match=r"at case case is not finite .* leave the case out"):
        attack(case_of(image, image > 0), 1.0, generator(), model)


def test_a_channel_without_range_is_left_as_it_is() -> None:
    image = noise(2, 8, 8)
    image[1] = 2.0
    case = replace(case_of(image, image[:1] > 0), intensity_range=own_range(image))
    for attack in (FGSM(), PGD(Ascent(steps=2)), PGD(Ascent(L2(), 2))):
        changed = attack(case, 10.0, generator(), small("none", in_channels=2)).image
        assert changed[1].equal(image[1])
        assert not changed[0].equal(image[0])


def test_bpda_looks_through_the_codebook_by_the_gradient_of_a_soft_assignment() -> None:
    model, image = small("8x4", seed=2).eval(), noise(1, 1, 8, 8)
    plain = model.run(image)
    shown = image.clone().requires_grad_()
    with softened(model):
        parts = model.run(shown)
        parts.quantised.square().sum().backward()
    torch.testing.assert_close(parts.logits, plain.logits)
    assert parts.codes.equal(plain.codes)

    # By hand: z_q where it is, its derivative by e that of the mixture of codes.
    again = image.clone().requires_grad_()
    embedding = model.encode(again)
    codes = model.quantiser.vectors[0]
    distances = (embedding.movedim(1, -1).unsqueeze(-2) - codes).square().sum(-1)
    weights = (-distances / (TEMPERATURE * distances.detach().median())).exp()
    soft = (weights / weights.sum(-1, keepdim=True)) @ codes
    (soft.movedim(-1, 1) * 2 * plain.quantised.detach()).sum().backward()
    torch.testing.assert_close(shown.grad, again.grad, rtol=1e-4, atol=1e-7)


def test_once_it_is_over_gradients_pass_straight_through_again() -> None:
    model, case = small("8x4", seed=2), case_of(noise(1, 8, 8), noise(1, 8, 8) > 0)
    before = loss_gradient(model, case, case.image)
    BPDA(Ascent(steps=1))(case, 1.0, generator(), model)
    assert loss_gradient(model, case, case.image).equal(before)
    with softened(model):
        assert not loss_gradient(model, case, case.image).equal(before)


@pytest.mark.parametrize("quantise", ["none", "identity:4", "residual:2x8x4", "fsq:3x3"])
def test_without_one_codebook_of_vectors_bpda_is_pgd(quantise: str) -> None:
    model, case = small(quantise, seed=2), case_of(noise(1, 8, 8), noise(1, 8, 8) > 0)
    one, other = (attack(Ascent(steps=3))(case, 5.0, generator(), model).image for attack in (PGD, BPDA))
    assert one.equal(other)


def test_an_attack_that_will_be_clipped_looks_for_the_best_that_remains() -> None:
    case, direction, model = one_voxel(channels=1)
    case = replace(case, image=case.image.clamp(0, 4))
    attack = PGD(Ascent(L2(), 40))
    gains = []
    for clip in (True, False):
        image = attack(case, 10.0, generator(), model, clip).image.clamp(0, 4)
        gains.append((direction * (image - case.image)).sum())
        assert (image - case.image).norm() <= 0.1 * 4 * sqrt(42) * (1 + 1e-5)
    # Cut off at the range's end, a budget spent outside it is lost.
    assert gains[0] > gains[1] > 0


def test_a_network_that_cuts_its_gradient_off_is_refused() -> None:
    class Cut(nn.Module):
        def forward(self, scores: Tensor) -> Tensor:
            return scores.detach()

    model = linear(noise(2, 1, 1, 1), activation=Cut())
    case = case_of(noise(1, 8, 8), noise(1, 8, 8) > 0)
    with pytest.raises(RequestError, match="no gradient of this network's output reaches its input"):
        FGSM()(case, 1.0, generator(), model)


@pytest.mark.parametrize(
    ("text", "name", "attack"),
    [
        ("fgsm", "fgsm", FGSM()),
        ("fgsm@linf", "fgsm", FGSM()),
        ("fgsm@l2", "fgsm@l2", FGSM(L2())),
        ("pgd@20", "pgd", PGD()),
        ("pgd@l2", "pgd@l2", PGD(Ascent(L2()))),
        ("bpda@l2-7", "bpda@l2-7", BPDA(Ascent(L2(), 7))),
        ("segpgd@40", "segpgd@40", SegPGD(Ascent(steps=40))),
        ("pgd@l2-40", "pgd@l2-40", PGD(Ascent(L2(), 40))),
    ],
)
def test_an_attack_is_named_with_its_norm_and_steps(text: str, name: str, attack: AbstractAttack) -> None:
    assert load_attacks([text]) == {name: attack}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pdg", "unknown attack 'pdg': did you mean pgd"),
        ("pgd@l3", "'l3' is not a norm and a number of steps: give l2, 40 or l2-40"),
        ("pgd@0", "'0' is not a norm and a number of steps"),
        ("pgd@l2-", "'l2-' is not a norm and a number of steps"),
        ("pgd@-3", "'-3' is not a norm and a number of steps"),
        ("pgd@", "has no setting after the @"),
        ("fgsm@40", "'40' is not a norm: give linf or l2"),
    ],
)
def test_an_attack_nobody_knows_is_refused(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        load_attacks([text])


@pytest.mark.parametrize("name", ["unet", "vq-unet"])
def test_an_attack_hurts_more_than_gaussian_noise_of_the_same_length(name: str) -> None:
    model = robustq.load(demonstration_pair()[name])
    data = robustq.open_dataset("phantom:cases=4")
    cases = PreparedCases(data, model.spec.preparation)
    noisy, attacked = [], []
    for entry in list(data.entries)[:4]:
        case = cases(entry)
        change = robustq.perturb(
            case.image[None], "gaussian", level=3, intensity_range=case.intensity_range.tolist(), keys=[entry.id]
        )[0]
        length = (change - case.image).norm() / case.intensity_range.diff().item()
        level = 100 * length.item() / sqrt(case.image.numel())
        made = PGD(Ascent(L2(), 5))(case, level, draw_generator(0, entry.id, "pgd", 0), model)
        for image, scores in ((change, noisy), (made.image, attacked)):
            with torch.no_grad():
                scores.append(mean_dice(masks(model(image[None]), model.spec.answer, len(case.labels))[0], case))
    assert all(one <= other for one, other in zip(attacked, noisy, strict=True))
    assert sum(attacked) < sum(noisy)
