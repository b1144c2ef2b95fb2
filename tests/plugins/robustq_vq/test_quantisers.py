"""Each quantiser against its paper's formula, done by hand or by brute force."""

import copy
from itertools import product
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import entropy
from sklearn.cluster import KMeans
from torch.nn import functional as F

import robustq
from networks import noise, small
from robustq.errors import RequestError
from robustq.quantiser import AbstractQuantiser
from robustq.request.quantise import Quantise, accepts
from robustq_vq.cosine import CosineQuantiser
from robustq_vq.ema import MovingAverageQuantiser
from robustq_vq.fsq import FiniteScalarQuantiser
from robustq_vq.gumbel import GumbelQuantiser
from robustq_vq.kmeans import kmeans
from robustq_vq.lfq import LookupFreeQuantiser
from robustq_vq.residual import ResidualQuantiser
from robustq_vq.vector import VectorQuantiser

OWN = ["vq:16x6", "ema:16x6", "cosine:16x6", "residual:2x16x6", "gumbel:16x6", "fsq:5x4x3", "lfq:6"]


def as_embedding(*tokens: list[float]) -> torch.Tensor:
    """Tokens in a row as an embedding (1, D, N, 1)."""
    return torch.tensor(tokens).T[None, :, :, None]


def tokens_of(embedding: torch.Tensor) -> torch.Tensor:
    return embedding.movedim(1, -1).flatten(0, -2)


# ema


def moving(vectors: torch.Tensor, **settings: float) -> MovingAverageQuantiser:
    """A quantiser whose codebook is ours, each vector as if chosen once."""
    made = MovingAverageQuantiser(*vectors.shape, **settings)
    made.start_from(vectors[None])
    return made


def test_the_moving_average_by_hand_over_two_passes() -> None:
    made = moving(torch.tensor([[0.0, 0.0], [4.0, 4.0]]), decay=0.5, restart=0)
    made(as_embedding([1.0, 0.0], [0.0, 1.0], [3.0, 4.0]))
    # N = .5 + .5·(2, 1), m = .5·((0, 0), (4, 4)) + .5·((1, 1), (3, 4)).
    assert made.counts.tolist() == [1.5, 1.0]
    torch.testing.assert_close(made.vectors[0], torch.tensor([[0.5 / 1.5, 0.5 / 1.5], [3.5, 4.0]]))
    made(as_embedding([3.0, 4.0]))
    # Nobody chose the first: its N and m halve, its vector stays.
    assert made.counts.tolist() == [0.75, 1.0]
    torch.testing.assert_close(made.vectors[0], torch.tensor([[0.5 / 1.5, 0.5 / 1.5], [3.25, 4.0]]))


@given(seed=st.integers(0, 2**31), decay=st.sampled_from([0.0, 0.5, 0.99]), passes=st.integers(1, 5))
def test_the_codebook_is_the_ratio_of_the_averages_after_any_passes(seed: int, decay: float, passes: int) -> None:
    vectors = noise(5, 3, seed=seed).double()
    made = moving(vectors, decay=decay, restart=0).double()
    made.start_from(vectors[None])
    counts, sums, expected = np.ones(5), vectors.numpy().copy(), vectors.numpy().copy()
    for number in range(passes):
        embedding = noise(2, 3, 3, 2, seed=seed + number + 1).double()
        codes = made(embedding).codes.flatten()
        points = tokens_of(embedding).numpy()
        assert (codes.numpy() == ((points[:, None] - expected) ** 2).sum(-1).argmin(1)).all()
        for code in range(5):
            own = points[codes == code]
            counts[code] = decay * counts[code] + (1 - decay) * len(own)
            sums[code] = decay * sums[code] + (1 - decay) * own.sum(0)
            if len(own):
                expected[code] = sums[code] / counts[code]
    np.testing.assert_allclose(made.vectors[0].numpy(), expected, rtol=1e-9)


def test_a_dead_code_starts_again_at_a_token_of_the_pass() -> None:
    made = moving(torch.tensor([[0.0, 0.0], [100.0, 100.0]]), decay=0.1, restart=0.5)
    embedding = as_embedding([1.0, 2.0], [2.0, 1.0], [1.0, 1.0])
    made(embedding)  # N = (2.8, 0.1), mean 1.45: the second is below half of it
    assert any(made.vectors[0, 1].equal(token) for token in tokens_of(embedding))
    assert made.counts.tolist() == pytest.approx([2.8, 1.45])
    torch.testing.assert_close(made.sums, made.codebook * made.counts[:, None])


def test_a_code_that_is_no_longer_chosen_starts_again_after_69_passes_by_default() -> None:
    made = moving(torch.tensor([[0.0, 0.0], [100.0, 100.0]]))
    for _ in range(68):  # N = 2 - .99^t and .99^t, mean 1: log .5 / log .99 = 68.97
        made(as_embedding([1.0, 2.0], [2.0, 1.0]))
    assert made.vectors[0, 1].tolist() == [100.0, 100.0]
    made(as_embedding([1.0, 2.0], [2.0, 1.0]))
    assert made.vectors[0, 1].tolist() in ([1.0, 2.0], [2.0, 1.0])


def test_the_first_training_pass_starts_at_the_k_means_centres_of_its_tokens() -> None:
    places = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    tokens = (places[:, None] + 0.1 * noise(4, 8, 2)).flatten(0, 1)
    made = MovingAverageQuantiser(4, 2, decay=0.0, restart=0)
    assert not made.eval()(as_embedding(*tokens.tolist())).loss.isnan()
    assert not made.started
    torch.manual_seed(3)
    made.train()(as_embedding(*tokens.tolist()))
    assert made.started
    torch.manual_seed(3)
    centres, counts = kmeans(tokens, 4)
    torch.testing.assert_close(made.vectors[0], centres)
    torch.testing.assert_close(made.counts, counts.float())


def test_k_means_ends_where_scikit_learn_ends_from_the_same_start() -> None:
    tokens = noise(60, 3)
    torch.manual_seed(0)
    start = tokens[torch.randperm(60)[:5]]
    torch.manual_seed(0)
    centres, counts = kmeans(tokens, 5, iterations=100)
    fitted = KMeans(5, init=start.numpy(), n_init=1, max_iter=100, tol=0, algorithm="lloyd").fit(tokens.numpy())
    np.testing.assert_allclose(centres.numpy(), fitted.cluster_centers_, atol=1e-5)
    assert counts.tolist() == np.bincount(fitted.labels_).tolist()


def test_fewer_tokens_than_codes_are_a_start_too() -> None:
    made = MovingAverageQuantiser(8, 2)
    result = made(as_embedding([1.0, 0.0], [0.0, 1.0], [2.0, 2.0]))
    assert made.codebook.isfinite().all()
    torch.testing.assert_close(tokens_of(result.quantised), torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]))


def test_the_commitment_loss_of_ema_and_its_gradient_by_hand() -> None:
    made = moving(noise(4, 3), beta=0.5).double()
    embedding = noise(2, 3, 2, 2, seed=1).double().requires_grad_()
    upstream = noise(2, 3, 2, 2, seed=2).double()
    before = made.codebook.clone()
    result = made(embedding)
    difference = tokens_of(embedding) - before[result.codes.flatten()]
    assert result.loss.item() == pytest.approx(0.5 * difference.square().mean().item())
    ((result.quantised * upstream).sum() + result.loss).backward()
    torch.testing.assert_close(
        tokens_of(embedding.grad), tokens_of(upstream) + difference.detach() / difference.numel()
    )
    assert not list(made.parameters())


# cosine


def test_the_nearest_on_the_sphere_is_the_vector_of_the_smallest_angle() -> None:
    made = CosineQuantiser(7, 5)
    embedding = 10 * noise(2, 5, 4, 3)
    result = made(embedding)
    tokens, vectors = tokens_of(embedding).double().numpy(), made.codebook.detach().double().numpy()
    angles = (tokens @ vectors.T) / np.linalg.norm(tokens, axis=1)[:, None] / np.linalg.norm(vectors, axis=1)
    assert (result.codes.flatten().numpy() == angles.argmax(1)).all()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(tokens_of(result.quantised).detach(), units[angles.argmax(1)], atol=1e-6)
    # |u - v|² = 2 - 2 cos, a mean over tokens and channels.
    expected = 1.25 * (2 - 2 * angles.max(1)).mean() / 5
    assert result.loss.item() == pytest.approx(expected, rel=1e-5)


def test_vectors_and_search_space_of_cosine_lie_on_the_unit_sphere_whatever_the_weights() -> None:
    made = CosineQuantiser(7, 5)
    with torch.no_grad():
        made.codebook.mul_(torch.arange(1.0, 8.0)[:, None])
    torch.testing.assert_close(made.vectors.norm(dim=2), torch.ones(1, 7))
    torch.testing.assert_close(made.search_space(9 * noise(2, 5, 3, 3)).norm(dim=1), torch.ones(2, 3, 3))


def test_the_gradient_of_cosine_passes_the_normalisation_only() -> None:
    made = CosineQuantiser(7, 4).double()
    embedding = noise(1, 4, 3, 1).double().requires_grad_()
    upstream = noise(1, 4, 3, 1, seed=1).double()
    (gradient,) = torch.autograd.grad((made(embedding).quantised * upstream).sum(), embedding)
    for token, above, got in zip(*map(tokens_of, (embedding.detach(), upstream, gradient)), strict=True):
        unit = token / token.norm()
        torch.testing.assert_close(got, (above - unit * (unit @ above)) / token.norm())


# fsq


@pytest.mark.parametrize("levels", [3, 4, 5, 8])
def test_fsq_rounds_the_bounded_channel_as_its_formula_says(levels: int) -> None:
    values = np.linspace(-9, 9, 181)
    half, offset = (levels - 1) / 2, 0.5 * (levels % 2 == 0)
    bounded = half * np.tanh(values + np.arctanh(offset / half)) - offset
    clear = np.abs(bounded - np.floor(bounded) - 0.5) > 1e-5
    made = FiniteScalarQuantiser(levels)
    result = made(torch.tensor(values, dtype=torch.float32)[None, None, :, None])
    np.testing.assert_allclose(result.quantised.flatten()[clear], np.round(bounded[clear]) / (levels // 2), atol=1e-6)
    codes = result.codes.flatten()
    assert sorted(set(codes.tolist())) == list(range(levels)), "every level is reached"
    assert codes.diff().min() >= 0
    assert codes[90] == levels // 2, "0 stays 0"


def test_fsq_codes_are_numbers_in_the_mixed_bases_of_its_levels() -> None:
    made = FiniteScalarQuantiser(3, 4, 5)
    result = made(3 * noise(2, 3, 30, 30))
    digits = (tokens_of(result.quantised) * torch.tensor([1, 2, 2]) + torch.tensor([1, 2, 2])).round().long()
    assert result.codes.flatten().equal(digits[:, 0] + 3 * digits[:, 1] + 12 * digits[:, 2])
    assert result.codes.unique().tolist() == list(range(60))
    assert made.capacity == (1, 60)
    assert made.vectors is None
    assert result.loss.item() == 0


def test_the_gradient_of_fsq_is_that_of_its_tanh() -> None:
    embedding = noise(1, 2, 4, 1).double().requires_grad_()
    made = FiniteScalarQuantiser(5, 4)
    (gradient,) = torch.autograd.grad(made(embedding).quantised.sum(), embedding)
    shift = torch.tensor([0.0, np.arctanh(0.5 / 1.5)]).double()
    slope = torch.tensor([2 / 2, 1.5 / 2]) / torch.cosh(tokens_of(embedding.detach()) + shift) ** 2
    torch.testing.assert_close(tokens_of(gradient), slope)


@given(seed=st.integers(0, 2**31), levels=st.lists(st.integers(3, 9), min_size=1, max_size=4))
def test_z_q_of_fsq_is_the_nearest_point_of_the_lattice_where_it_searches(seed: int, levels: list[int]) -> None:
    made = FiniteScalarQuantiser(*levels)
    embedding = 2 * noise(1, len(levels), 5, 2, seed=seed).double()
    axes = [(np.arange(count) - count // 2) / (count // 2) for count in levels]
    for searched, quantised in zip(
        tokens_of(made.search_space(embedding)).numpy(), tokens_of(made(embedding).quantised).numpy(), strict=True
    ):
        best = [axis[np.abs(axis - value).argmin()] for axis, value in zip(axes, searched, strict=True)]
        np.testing.assert_allclose(quantised, best, atol=1e-12)


# lfq


def test_lfq_takes_signs_and_reads_them_as_binary_digits() -> None:
    result = LookupFreeQuantiser(3)(as_embedding([0.5, -2.0, 0.1], [0.0, 3.0, -1.0], [-1.0, -1.0, 2.0]))
    assert tokens_of(result.quantised).tolist() == [[1, -1, 1], [-1, 1, -1], [-1, -1, 1]]
    assert result.codes.flatten().tolist() == [0b101, 0b010, 0b100]


@given(seed=st.integers(0, 2**31), bits=st.integers(1, 5), temperature=st.sampled_from([0.1, 1.0, 7.0]))
def test_the_entropies_of_lfq_equal_those_of_all_codes_one_by_one(seed: int, bits: int, temperature: float) -> None:
    embedding = noise(2, bits, 3, 2, seed=seed).double()
    tokens = tokens_of(embedding).numpy()
    corners = np.array(list(product([-1, 1], repeat=bits)))
    logits = -((tokens[:, None] - corners) ** 2).sum(-1) / temperature
    chances = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    expected = entropy(chances, axis=1).mean() - entropy(chances.mean(0))
    made = LookupFreeQuantiser(bits, entropy=1, beta=0, temperature=temperature)
    assert made(embedding).loss.item() == pytest.approx(expected, abs=1e-9)
    committed = LookupFreeQuantiser(bits, entropy=0, beta=0.5)(embedding).loss.item()
    assert committed == pytest.approx(0.5 * ((tokens - np.where(tokens > 0, 1, -1)) ** 2).mean())


def test_the_loss_of_lfq_has_finite_gradients_where_the_soft_codes_are_sure() -> None:
    embedding = (100 * noise(1, 12, 4, 4)).requires_grad_()
    LookupFreeQuantiser(12, temperature=0.01)(embedding).loss.backward()
    assert embedding.grad.isfinite().all()


# residual


def test_each_stage_takes_the_nearest_vector_to_what_the_ones_before_left() -> None:
    made = ResidualQuantiser(3, 6, 4, beta=0.5).double()
    made.start_from(noise(3, 6, 4).double())
    embedding = noise(2, 4, 3, 2, seed=1).double()
    result = made(embedding)
    books, residual = noise(3, 6, 4).double().numpy(), tokens_of(embedding).numpy()
    total, loss, codes = np.zeros_like(residual), 0.0, []
    for book in books:
        chosen = ((residual[:, None] - book) ** 2).sum(-1).argmin(1)
        total, residual = total + book[chosen], residual - book[chosen]
        loss += 1.5 * (residual**2).mean()
        codes.append(chosen)
    assert (result.codes.movedim(1, -1).flatten(0, -2).numpy() == np.stack(codes, 1)).all()
    np.testing.assert_allclose(tokens_of(result.quantised).detach(), total, atol=1e-12)
    assert result.loss.item() == pytest.approx(loss)
    assert result.codes.shape == (2, 3, 3, 2)
    assert made.capacity == (3, 6)


def test_one_stage_of_residual_is_vq() -> None:
    one, vq = ResidualQuantiser(1, 8, 4), VectorQuantiser(8, 4)
    vq.start_from(one.vectors)
    embedding = noise(2, 4, 3, 3)
    for ours, theirs in zip(one(embedding), vq(embedding), strict=True):
        assert ours.equal(theirs)


def test_the_gradients_of_residual_by_hand() -> None:
    made = ResidualQuantiser(2, 5, 3).double()
    made.start_from(noise(2, 5, 3).double())
    embedding = noise(1, 3, 4, 1, seed=1).double().requires_grad_()
    upstream = noise(1, 3, 4, 1, seed=2).double()
    result = made(embedding)
    ((result.quantised * upstream).sum() + result.loss).backward()
    residual, pull = tokens_of(embedding.detach()), torch.zeros(4, 3).double()
    for stage, codes in enumerate(result.codes[0, :, :, 0]):
        residual = residual - made.vectors[stage][codes].detach()
        grown = torch.zeros(5, 3).double().index_add_(0, codes, -2 * residual / residual.numel())
        torch.testing.assert_close(made.stages[stage].codebook.grad, grown)
        pull += 0.25 * 2 * residual / residual.numel()
    torch.testing.assert_close(tokens_of(embedding.grad), tokens_of(upstream) + pull)


# gumbel


def test_codes_are_drawn_with_the_chances_that_the_distances_give() -> None:
    made = GumbelQuantiser(4, 2)
    token = torch.tensor([0.3, -0.2])
    torch.manual_seed(0)
    codes = made(token[None, :, None, None].expand(1, 2, 200, 200)).codes
    logits = -((made.codebook.detach() - token) ** 2).sum(1).double().numpy()
    chances = np.exp(logits - logsumexp(logits))
    shares = np.bincount(codes.flatten().numpy(), minlength=4) / 40_000
    assert np.abs(shares - chances).max() < 5 * sqrt(0.25 / 40_000)
    nearest = made.eval()(token[None, :, None, None]).codes.item()
    assert nearest == logits.argmax()


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_gumbel_is_that_of_the_soft_choice_and_the_value_the_hard_one(training: bool) -> None:
    made = GumbelQuantiser(5, 3, temperature=0.7, kl=0).double().train(training)
    embedding = noise(1, 3, 4, 1).double().requires_grad_()
    upstream = noise(1, 3, 4, 1, seed=1).double()
    torch.manual_seed(2)
    result = made(embedding)
    (result.quantised * upstream).sum().backward()
    codes, codebook = result.codes.flatten(), made.codebook.detach()
    torch.testing.assert_close(tokens_of(result.quantised.detach()), codebook[codes])

    torch.manual_seed(2)
    tokens, vectors = tokens_of(embedding.detach()).requires_grad_(), codebook.clone().requires_grad_()
    chances = (-(tokens[:, None] - vectors).square().sum(-1)).log_softmax(-1)
    if training:
        chances = chances - torch.empty(1, 4, 1, 5).double().exponential_().log().view(4, 5)
    above = tokens_of(upstream)
    soft = (torch.softmax(chances / 0.7, -1) @ codebook * above).sum()
    into_tokens, into_vectors = torch.autograd.grad(soft, [tokens, vectors])
    torch.testing.assert_close(tokens_of(embedding.grad), into_tokens)
    hard = F.one_hot(codes, 5).double().T @ above
    torch.testing.assert_close(made.codebook.grad, hard + into_vectors)


def test_the_kl_term_of_gumbel_is_the_distance_from_uniform_chances() -> None:
    made = GumbelQuantiser(6, 3, kl=1)
    embedding = noise(1, 3, 5, 1)
    logits = -((tokens_of(embedding)[:, None] - made.codebook.detach()) ** 2).sum(-1).double().numpy()
    chances = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    expected = np.mean([entropy(one, np.full(6, 1 / 6)) for one in chances])
    assert made(embedding).loss.item() == pytest.approx(expected, rel=1e-5)


# all of them


@pytest.mark.parametrize("text", OWN)
def test_under_bf16_autocast_codes_and_loss_are_those_of_fp32(text: str) -> None:
    made: AbstractQuantiser = Quantise.parse(text).build()
    embedding = noise(2, made.dimension, 6, 6)
    copied = copy.deepcopy(made)
    torch.manual_seed(0)
    plain = made(embedding)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = copied(embedding)
    assert under.codes.equal(plain.codes)
    assert under.loss.equal(plain.loss)
    assert all(value.equal(copied.state_dict()[name]) for name, value in made.state_dict().items())


@pytest.mark.parametrize("text", ["ema:16x6", "residual:2x16x6", "fsq:5x4x3"])
def test_a_trained_bundle_loads_back_bit_for_bit(text: str, tmp_path: Path) -> None:
    model = small(text).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(2):
        parts = model.run(noise(2, 1, 24, 24, seed=step))
        (parts.logits.square().mean() + parts.quantiser_loss).backward()
        optimiser.step()
    copied = copy.deepcopy(model).eval()
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors")
    weights = model.state_dict()
    assert weights.keys() == again.state_dict().keys()
    assert all(value.equal(again.state_dict()[name]) for name, value in weights.items())
    images = noise(2, 1, 24, 24, seed=9)
    assert again(images).equal(copied(images))


NAMES = {
    "vq:4x2": ["codebook"],
    "ema:4x2": ["codebook", "counts", "sums", "started"],
    "cosine:4x2": ["codebook"],
    "residual:2x4x2": ["stages.0.codebook", "stages.1.codebook"],
    "gumbel:4x2": ["codebook"],
    "fsq:4x3": [],
    "lfq:3": [],
}


@pytest.mark.parametrize("text", NAMES)
def test_the_names_in_a_bundle_are_these(text: str) -> None:
    assert list(Quantise.parse(text).build().state_dict()) == NAMES[text]


@pytest.mark.parametrize("text", ["ema:32x4", "gumbel:16x4"])
def test_what_is_random_in_training_follows_from_torchs_seed(text: str) -> None:
    embedding = noise(2, 4, 5, 5)

    def passes(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(0)
        made = Quantise.parse(text).build()
        torch.manual_seed(seed)
        return [made(embedding + step).quantised for step in range(3)]

    assert all(one.equal(other) for one, other in zip(passes(1), passes(1), strict=True))
    assert not all(one.equal(other) for one, other in zip(passes(1), passes(2), strict=True))


def test_grammars_of_variable_length_take_one_number_or_more() -> None:
    assert [accepts("Lx...", count) for count in (0, 1, 2, 7)] == [False, True, True, True]
    assert [accepts("QxLx...", count) for count in (1, 2, 5)] == [False, True, True]
    assert [accepts("KxD", count) for count in (1, 2, 3)] == [False, True, False]
    assert str(Quantise.parse("fsq:8x5x5x5")) == "fsq:8x5x5x5"
    assert Quantise.parse("fsq:8x5x5x5").build().dimension == 4
    assert Quantise.parse("lfq:10").build().capacity == (1, 1024)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fsq:8x2", "fewer than 3 levels: give 3 or more, or lfq:BITS"),
        ("fsq:9x9x9x9x9x9x9", "has 4,782,969 codes: take at most 1,048,576"),
        ("lfq:21", "has 2,097,152 codes"),
        ("lfq:4x4", "has 2 numbers: lfq takes BITS"),
        ("lfq:4,temperature=0", "the lfq quantiser cannot have temperature=0"),
        ("lfq:4,entropy=-1", "give 0 or more"),
        ("ema:4x4,decay=1", "the ema quantiser cannot have decay=1: give 0 to below 1"),
        ("ema:4x4,restart=-1", "restart=-1"),
        ("ema:4x4,beta=-1", "beta=-1"),
        ("ema:4", "has 1 numbers: ema takes KxD"),
        ("cosine:4x1", "no angles to compare"),
        ("cosine:4x4,beta=-1", "beta=-1"),
        ("residual:4x4", "residual takes QxKxD"),
        ("residual:2x4x4,beta=-1", "beta=-1"),
        ("gumbel:4x4,temperature=-1", "temperature=-1"),
        ("gumbel:4x4,kl=-1", "kl=-1"),
        ("gumbel:4x4,tau=2", "a setting that gumbel does not take"),
    ],
)
def test_what_makes_no_quantiser_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Quantise.parse(text).build()


def test_a_lattice_and_a_sphere_are_not_calibrated() -> None:
    for text in ("fsq:5x5", "lfq:4", "cosine:8x4"):
        with pytest.raises(RequestError, match="no codebook that can be set"):
            Quantise.parse(text).build().start_from(torch.zeros(1, 8, 4))
