"""The prior over codes, against figures computed by hand."""

import math

import pytest
import torch
from torch import Tensor

from networks import noise, small
from robustq.errors import RequestError
from robustq.geometry import nearest_codes
from robustq.model.prior import CodePrior, make_prior
from robustq.quantiser import AbstractQuantiser
from robustq.request.quantise import Quantise

GRIDS = [(3, 5), (2, 3, 4)]


def prior(size: int = 7) -> CodePrior:
    """A prior whose probabilities depend on the codes before, in evaluation mode."""
    made = CodePrior(size).eval()
    with torch.no_grad():
        made.head.weight.copy_(noise(*made.head.weight.shape))
        made.variance.fill_(0.5)
    return made


def constant(*probabilities: float) -> CodePrior:
    """A prior with these probabilities whatever the codes before."""
    made = CodePrior(len(probabilities)).eval()
    with torch.no_grad():
        made.head.bias.copy_(torch.tensor(probabilities).log())
        made.variance.fill_(0.5)
    return made


def codes(*shape: int, size: int = 7) -> Tensor:
    return torch.randint(size, shape, generator=torch.Generator().manual_seed(0))


def quantiser(text: str) -> AbstractQuantiser | None:
    return Quantise.parse(text).build()


@pytest.mark.parametrize("grid", GRIDS)
def test_a_code_changes_the_probabilities_of_later_tokens_and_of_no_other(grid: tuple[int, ...]) -> None:
    made, before = prior(), codes(2, *grid)
    for place in range(math.prod(grid)):
        changed = before.flatten(1).clone()
        changed[:, place] = (changed[:, place] + 1) % 7
        moved = (made(changed.unflatten(1, grid)) - made(before)).abs().flatten(1, -2).amax((0, 2))
        assert moved[: place + 1].amax() < 1e-5
        assert (moved[place + 1 :] > 1e-5).all()


@pytest.mark.parametrize("grid", GRIDS)
def test_probabilities_sum_to_one_and_depend_on_the_place(grid: tuple[int, ...]) -> None:
    chances = prior()(torch.zeros(1, *grid, dtype=torch.long)).exp()
    assert chances.sum(-1).allclose(torch.ones(1, *grid))
    assert len(chances.flatten(0, -2).unique(dim=0)) == math.prod(grid)


def test_a_fresh_prior_gives_every_code_the_same_probability() -> None:
    assert CodePrior(7).nats(codes(2, 3, 4)).allclose(torch.tensor(math.log(7)))


def test_nats_are_those_of_the_codes_that_were_chosen() -> None:
    made, chosen = prior(), codes(2, 3, 4)
    expected = [
        -made(chosen)[(*place, int(chosen[place]))].item()
        for place in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4)).unbind()
        for place in [tuple(place.tolist())]
    ]
    assert made.nats(chosen).flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_prior_fitted_to_a_fixed_raster_pattern_reaches_nearly_0_nats(grid: tuple[int, ...]) -> None:
    pattern = (torch.arange(math.prod(grid)) ** 2 % 7).view(1, *grid)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = CodePrior(7)
        optimiser = torch.optim.Adam(made.parameters(), lr=3e-3)
        for _ in range(100):
            optimiser.zero_grad()
            (-made(pattern).gather(-1, pattern[..., None]).mean()).backward()
            optimiser.step()
    assert made.eval().nats(pattern).mean() < 0.02


def test_costs_are_half_squared_distances_over_the_variance_but_for_a_part_common_to_all_codes() -> None:
    made, tokens, vectors = prior(5), noise(2, 3, 4, 6), noise(5, 6, seed=1)
    expected = (tokens[..., None, :] - vectors).square().sum(-1) / (2 * 0.5)
    difference = made.costs(tokens, vectors) - expected
    assert difference.allclose(difference[..., :1].expand_as(difference), atol=1e-4)


def test_the_variance_is_the_mean_of_the_first_steps_and_follows_later_ones() -> None:
    made = CodePrior(2)
    for square in (1.0, 2.0, 6.0):
        made.follow(torch.tensor(square))
    assert float(made.variance) == pytest.approx(3)
    made.steps.fill_(1000)
    made.follow(torch.tensor(13.0))
    assert float(made.variance) == pytest.approx(3 + 10 / 100)


@pytest.mark.parametrize("grid", GRIDS)
def test_decoding_without_weight_or_with_equal_probabilities_takes_the_nearest_codes(grid: tuple[int, ...]) -> None:
    tokens, vectors = noise(2, *grid, 3), noise(7, 3, seed=1)
    nearest = nearest_codes(tokens.flatten(0, -2), vectors).view(2, *grid)
    for made, weight in ((prior(), 0.0), (constant(*[1 / 7] * 7), 1.0)):
        assert made.decode(made.costs(tokens.double(), vectors.double()), weight).equal(nearest)


@pytest.mark.parametrize("grid", GRIDS)
def test_decoding_by_the_prior_alone_takes_the_most_probable_code_after_those_taken_before(
    grid: tuple[int, ...],
) -> None:
    made = prior()
    decoded = made.decode(torch.zeros(2, *grid, 7), 1.0)
    assert decoded.equal(made(decoded).argmax(-1))
    assert decoded.unique().numel() > 1


def test_distance_and_probability_are_weighed_as_stated() -> None:
    # Codes at 0 and 1, σ² = ½: (e-1)² - e² = 1 - 2e. Code 1 is 9 times more probable, so it is taken where
    # 1 - 2e < λ log 9: for λ = 1 from e = -0.599 on, for λ = ½ from e = -0.049 on.
    made = constant(0.1, 0.9)
    tokens, vectors = torch.tensor([[[-0.7], [-0.5], [-0.06], [0.0]]]).double(), torch.tensor([[0.0], [1.0]])
    costs = made.costs(tokens, vectors)
    assert made.decode(costs, 1.0).tolist() == [[0, 1, 1, 1]]
    assert made.decode(costs, 0.5).tolist() == [[0, 0, 0, 1]]


def test_a_variance_of_0_gives_the_nearest_codes() -> None:
    made = constant(0.1, 0.9)
    made.variance.zero_()
    tokens, vectors = torch.tensor([[[0.4], [0.6]]]).double(), torch.tensor([[0.0], [1.0]])
    costs = made.costs(tokens, vectors)
    assert costs.isfinite().all()
    assert made.decode(costs, 1.0).tolist() == [[0, 1]]


def test_quantisers_without_one_codebook_of_vectors_or_with_too_many_codes_have_no_prior() -> None:
    assert make_prior(quantiser("ema:16x4"), "ema:16x4").size == 16
    for text, reason in (
        ("fsq:3x3", "no codebook of vectors"),
        ("residual:2x16x4", "2 stages"),
        ("vq:4097x2", "at most 4096"),
        ("none", "no codebook of vectors"),
    ):
        with pytest.raises(RequestError, match=reason):
            make_prior(quantiser(text), text)


def test_a_model_without_a_prior_has_no_trace_of_one() -> None:
    model = small()
    assert model.prior is None
    assert "prior" not in model.spec.to_dict()
    assert not any("prior" in name for name in model.state_dict())
