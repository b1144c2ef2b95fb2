"""The random search over squares: its schedule, its optimum on a linear network, and what it does not depend on."""

import pytest
import torch
from torch import Tensor, nn

from linear_networks import case_of, generator, linear, one_right_voxel
from networks import noise, small
from robustq.attack import AbstractAttack
from robustq.draws.by_name import load_attacks
from robustq.errors import RequestError
from robustq.network.output_masks import masks
from robustq_attacks.judge import Judge
from robustq_attacks.pgd import PGD
from robustq_attacks.square import Square, side


def test_the_squares_shrink_as_published() -> None:
    sides = [side(place, 10_000, torch.Size([200, 200]))[0] for place in (0, 10, 11, 51, 201, 501, 1001, 8001)]
    # sqrt(p · 40 000) with p = 0.05, halved after each of the published queries.
    assert sides == [45, 45, 32, 22, 16, 11, 8, 2]
    assert side(0, 200, torch.Size([200, 200])) == (45, 45)
    assert side(1, 200, torch.Size([200, 200])) == (32, 32)  # query 50 of 10 000
    assert side(0, 10, torch.Size([4, 4])) == (1, 1)
    assert side(0, 10, torch.Size([100, 100, 4])) == (13, 13, 4)


def test_a_linear_model_is_attacked_to_the_optimum_the_signs_of_its_gradient() -> None:
    case, direction, model = one_right_voxel(channels=1)
    change = Square(600)(case, 3.0, generator(), model).image - case.image
    touched = direction != 0
    torch.testing.assert_close(change[touched], (0.03 * 4 * direction.sign())[touched], rtol=0, atol=1e-6)


def toy(seed: int = 0) -> tuple[object, Tensor]:
    """A network and a case that it answers rightly."""
    model, image = small("none", seed=2).eval(), noise(1, 16, 16, seed=seed)
    return model, case_of(image, masks(model(image[None]).detach(), "softmax", 1)[0])


def test_more_queries_do_at_least_as_much_harm_at_equal_starts() -> None:
    model, case = toy()
    judge = Judge.of(case, "softmax")

    def loss(attack: Square) -> float:
        return judge.cross_entropies(model(attack(case, 2.0, generator(), model).image[None]).detach()).item()

    clean = judge.cross_entropies(model(case.image[None]).detach()).item()
    assert loss(Square(150)) > loss(Square(20)) > max(loss(Square(1)), clean)


class Rounding(nn.Module):
    """Rounds every score, so that no gradient passes."""

    def forward(self, scores: Tensor) -> Tensor:
        return (4 * scores).round()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_that_rounds_its_scores_stops_pgd_and_not_this(seed: int) -> None:
    weight = noise(2, 1, 3, 3, seed=1)
    image = noise(1, 16, 16, seed=seed)
    rounded = linear(weight, activation=Rounding())
    case = case_of(image, masks(rounded(image[None]).detach(), "softmax", 1)[0])
    judge = Judge.of(case, "softmax")

    def dice(attack: AbstractAttack) -> float:
        return judge.dice(rounded(attack(case, 10.0, generator(), rounded).image[None]).detach())

    assert dice(Square(200)) < dice(PGD()) - 0.1


def test_the_slices_of_a_volume_are_searched_side_by_side() -> None:
    model = small("8x4", seed=3).eval()
    volume = noise(1, 9, 7, 3)
    case = case_of(volume, volume[:1] > 0.2, slice_axis=2)
    judge = Judge.of(case, "softmax")
    start, end = (Square(queries)(case, 2.0, generator(), model).image for queries in (1, 40))
    losses = [judge.cross_entropies(model(image.movedim(-1, 0)).detach()) for image in (start, end)]
    assert (losses[1] > losses[0]).all()


def test_a_detached_network_can_be_attacked() -> None:
    class Cut(nn.Module):
        def forward(self, scores: Tensor) -> Tensor:
            return scores.detach()

    case = case_of(noise(1, 8, 8), noise(1, 8, 8) > 0)
    attacked = Square(5)(case, 1.0, generator(), linear(noise(2, 1, 1, 1), activation=Cut()))
    assert attacked.image.isfinite().all()


def test_it_passes_the_model_as_often_as_it_says() -> None:
    model, passes = linear(noise(2, 1, 3, 3)), []
    model.network.layer.register_forward_hook(lambda *_: passes.append(1))
    Square(7)(case_of(noise(1, 8, 8), noise(1, 8, 8) > 0), 1.0, generator(), model)
    assert len(passes) == Square(7).queries == 7
    assert Square(7).passes == 0


def test_its_budget_is_its_setting() -> None:
    assert load_attacks(["square"]) == {"square": Square()}
    assert load_attacks(["square@queries=1000"]) == {"square": Square()}
    assert load_attacks(["square@queries=200"]) == {"square@queries=200": Square(200)}


@pytest.mark.parametrize(
    "text", ["square@200", "square@queries=0", "square@queries=", "square@queries=-3", "square@l2"]
)
def test_another_setting_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="is not a number of queries: give queries=200 after the @"):
        load_attacks([text])
