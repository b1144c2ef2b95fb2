"""The ascent that chooses its step sizes, and its losses, against results worked out by hand."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from linear_networks import case_of, generator, linear, one_right_voxel, one_voxel
from networks import noise, small, with_patch
from robustq.draws.by_name import load_attacks
from robustq.errors import RequestError
from robustq.network.output_masks import masks
from robustq.scoring.mean_dice import mean_dice
from robustq_attacks.apgd import APGD
from robustq_attacks.ascent import Ascent
from robustq_attacks.entropy import voxel_losses, wrong_voxels
from robustq_attacks.judge import Judge, stacked
from robustq_attacks.l2 import L2
from robustq_attacks.losses import jensen_shannon, masked_cross_entropy
from robustq_attacks.pgd import PGD
from robustq_attacks.step_size import StepSize, checkpoints


def test_the_checkpoints_are_those_of_the_paper() -> None:
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(10) == [3, 5, 6, 7, 8, 9, 10, 10]


def halvings(rises: list[bool], highest: list[float]) -> list[int]:
    """The steps of 100 after which the size is halved, if the first ones rise so and have these largest losses."""
    size = StepSize(1.0, 100, 0.0)
    told = zip(rises, highest, strict=True)
    return [step for step, (rose, loss) in enumerate(told, start=1) if size.halves_after(step, rose, loss)]


def test_the_size_is_halved_where_too_few_steps_raise_the_loss() -> None:
    rising = list(range(1, 42))
    assert halvings([True] * 41, rising) == []
    assert halvings([True] * 17 + [False] * 5 + [True] * 19, rising) == []  # 17 of 22 is more than three quarters
    assert halvings([True] * 16 + [False] * 6 + [True] * 19, rising) == [22]
    assert halvings([True] * 22 + [False] * 5 + [True] * 14, rising) == [41]  # 14 of 19 is less


def test_the_size_is_halved_where_the_largest_loss_stays_unless_it_was_halved_there() -> None:
    rises = [True] * 57
    assert halvings(rises, [5.0] * 57) == [41]  # at 22 the loss has risen since the start; at 57 the size is new
    size = StepSize(1.0, 100, 5.0)
    assert [step for step in range(1, 42) if size.halves_after(step, True, 5.0)] == [22]
    assert size.size == 0.5


@given(probability=st.floats(1e-9, 1 - 1e-9))
def test_the_divergence_from_the_true_class_is_scipys(probability: float) -> None:
    entropy = torch.tensor([[[-log(probability)]]], dtype=torch.float64)
    found = jensen_shannon(entropy, lambda: entropy > 0).item()
    others = (1 - probability) * np.array([0.3, 0.7])
    distance = jensenshannon([probability, *others], [1, 0, 0])
    assert found == pytest.approx(distance**2, abs=1e-9)


@pytest.mark.parametrize("entropy", [0.0, 1e-12, 40.0, 800.0])
def test_the_divergence_has_a_finite_gradient_where_the_network_is_sure(entropy: float) -> None:
    entropies = torch.tensor([[[entropy]]], dtype=torch.float64, requires_grad=True)
    jensen_shannon(entropies, lambda: entropies > 0).sum().backward()
    assert entropies.grad.isfinite().all()


def test_a_wrong_voxel_counts_no_more_in_the_masked_loss() -> None:
    scores, truth = torch.tensor([[[[2.0, 0.0]], [[0.0, 1.0]]]]), torch.ones(1, 1, 1, 2, dtype=torch.bool)
    losses, wrong = (function(scores, truth, "softmax") for function in (voxel_losses, wrong_voxels))
    assert masked_cross_entropy(losses, lambda: wrong).flatten().tolist() == pytest.approx([0, log(1 + np.exp(-1))])


@pytest.mark.parametrize("loss", ["ce", "masked", "js"])
def test_a_linear_model_is_attacked_to_the_optimum_whatever_the_loss(loss: str) -> None:
    case, direction, model = one_right_voxel()
    change = APGD(loss=loss)(case, 3.0, generator(), model).image - case.image
    epsilon = 0.03 * torch.tensor([4.0, 2.0]).view(2, 1, 1)
    touched = direction != 0
    torch.testing.assert_close(change[touched], (epsilon * direction.sign())[touched], rtol=0, atol=1e-6)


def test_in_l2_a_linear_model_is_attacked_to_the_optimum_its_normalised_gradient() -> None:
    case, direction, model = one_voxel(channels=1)
    change = APGD(L2())(case, 3.0, generator(), model).image - case.image
    optimum = 0.03 * 4.0 * 42**0.5 * direction / direction.norm()
    torch.testing.assert_close(change, optimum, rtol=0, atol=1e-3)


@pytest.mark.parametrize("quantise", ["none", "8x4"])
def test_it_is_at_least_as_strong_as_pgd_of_as_many_steps(quantise: str) -> None:
    model, wins = small(quantise, seed=2).eval(), []
    for seed in range(3):
        image = noise(1, 16, 16, seed=seed)
        case = case_of(image, masks(model(image[None]).detach(), "softmax", 1)[0])  # right everywhere
        judge = Judge.of(case, "softmax")

        def dice(attack: APGD | PGD, case=case, judge=judge) -> float:
            attacked = attack(case, 1.0, generator(1), model).image
            return judge.dice(model(attacked[None]).detach())

        wins.append(dice(PGD(Ascent(steps=20))) - dice(APGD(steps=20)))
    assert sum(wins) >= 0
    assert min(wins) > -0.03


def test_the_judge_scores_as_the_run_does() -> None:
    scores = noise(1, 3, 9, 8)
    ignored = noise(9, 8, seed=5) > 1
    truth = torch.stack([noise(9, 8, seed=1) > 0.2, noise(9, 8, seed=2) > 9])
    case = replace(case_of(noise(1, 9, 8), truth, ignored=ignored), labels=("a", "b"))
    found = Judge.of(case, "softmax").dice(scores)
    assert found == pytest.approx(mean_dice(masks(scores, "softmax", 2)[0], case))


@pytest.mark.parametrize("patch", [None, (6, 4)])
def test_a_volume_is_judged_as_a_whole_though_it_is_read_in_slices(patch: tuple[int, int] | None) -> None:
    model = small("8x4", seed=3).eval()
    model = model if patch is None else with_patch(model, *patch)
    volume = noise(1, 9, 7, 20)
    case = case_of(volume, volume[:1] > 0.2, slice_axis=2)
    attacked = APGD(steps=2)(case, 2.0, generator(), model)
    assert attacked.image.shape == volume.shape
    assert stacked(case, volume).shape == (20, 1, 9, 7)


@pytest.mark.parametrize(
    ("text", "name", "attack"),
    [
        ("apgd", "apgd", APGD()),
        ("apgd@linf-ce-100", "apgd", APGD()),
        ("apgd@js", "apgd@js", APGD(loss="js")),
        ("apgd@masked-40", "apgd@masked-40", APGD(loss="masked", steps=40)),
        ("apgd@l2-js-40", "apgd@l2-js-40", APGD(L2(), "js", 40)),
        ("apgd@l2-40", "apgd@l2-40", APGD(L2(), steps=40)),
    ],
)
def test_it_is_named_with_its_norm_its_loss_and_its_steps(text: str, name: str, attack: APGD) -> None:
    assert load_attacks([text]) == {name: attack}


@pytest.mark.parametrize("text", ["apgd@0", "apgd@40-js", "apgd@l3", "apgd@js-", "apgd@js-l2"])
def test_another_setting_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"is not a norm, a loss \(ce, masked, js\) and a number of steps"):
        load_attacks([text])


def test_it_passes_the_model_once_for_the_start_and_once_for_each_step() -> None:
    model, passes = linear(noise(2, 1, 3, 3)), []
    model.network.layer.register_forward_hook(lambda *_: passes.append(1))
    case = case_of(noise(1, 8, 8), noise(1, 8, 8) > 0)
    APGD(steps=7)(case, 1.0, generator(), model)
    assert len(passes) == APGD(steps=7).passes == 8
