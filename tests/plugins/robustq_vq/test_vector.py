import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from networks import noise
from robustq.errors import RequestError
from robustq.latent import nearest as search
from robustq.latent.nearest import nearest
from robustq.quantiser import perplexity, usage
from robustq_vq.identity import Identity
from robustq_vq.vector import VectorQuantiser


def quantiser(vectors: torch.Tensor, **settings: object) -> VectorQuantiser:
    """A quantiser with a codebook of our choosing."""
    made = VectorQuantiser(*vectors.shape, **settings)
    made.codebook.data = vectors.clone()
    return made


def squared_distances(tokens: torch.Tensor, vectors: torch.Tensor) -> np.ndarray:
    """All |e - l|², one by one in float64."""
    return np.array([[((e - v) ** 2).sum() for v in vectors.double().numpy()] for e in tokens.double().numpy()])


def test_equation_1_by_hand_on_two_tokens_and_two_codes() -> None:
    made = quantiser(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    embedding = torch.tensor([[0.2, 0.9], [0.3, 0.6]]).view(1, 2, 2)[..., None]  # tokens (.2, .3) and (.9, .6)
    result = made(embedding)
    assert result.codes.tolist() == [[[[0], [1]]]]
    assert result.quantised.squeeze().tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_the_loss_by_hand_for_both_readings_of_equation_2() -> None:
    vectors = torch.tensor([[0.0, 0.0], [4.0, 4.0]])
    embedding = torch.tensor([[3.0, 0.0], [4.0, 1.0]]).view(1, 2, 2)[..., None]  # tokens (3, 4) and (0, 1)
    # (3, 4) is nearest to (4, 4), at distance 1; (0, 1) to (0, 0), at distance 1.
    squares = quantiser(vectors, beta=0.5)(embedding).loss.item()
    norm = quantiser(vectors, beta=0.5, loss="norm")(embedding).loss.item()
    assert squares == pytest.approx((1 + 0.5) * (1 + 1) / 4)
    assert norm == pytest.approx((1 + 0.5) * (1 + 1) / 2)


@pytest.mark.parametrize("loss", ["squares", "norm"])
def test_gradients_equal_the_hand_derived_ones(loss: str) -> None:
    vectors, embedding = noise(5, 3).double(), noise(2, 3, 4, 2, seed=1).double().requires_grad_()
    made = quantiser(vectors, beta=0.25, loss=loss).double()
    result = made(embedding)
    upstream = noise(*embedding.shape, seed=2).double()
    ((result.quantised * upstream).sum() + result.loss).backward()

    tokens, codes = embedding.detach().movedim(1, -1).reshape(-1, 3), result.codes.flatten()
    difference = tokens - vectors[codes]
    if loss == "squares":
        pull = 2 * difference / difference.numel()
    else:
        pull = difference / difference.norm(dim=1, keepdim=True) / len(difference)
    straight_through = upstream.movedim(1, -1).reshape(-1, 3)
    got = embedding.grad.movedim(1, -1).reshape(-1, 3)
    torch.testing.assert_close(got, straight_through + 0.25 * pull)
    for code in range(5):
        torch.testing.assert_close(made.codebook.grad[code], -pull[codes == code].sum(0))


@given(
    seed=st.integers(0, 2**31),
    size=st.integers(1, 40),
    dimension=st.integers(1, 24),
    spread=st.sampled_from([1e-4, 1.0, 1e3]),
    offset=st.sampled_from([0.0, 1.0, 100.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_codes_equal_a_brute_force_search_wherever_the_two_nearest_can_be_told_apart(
    seed: int, size: int, dimension: int, spread: float, offset: float, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = (offset + spread * torch.randn(size, dimension, generator=generator)).to(dtype)
    near = vectors[torch.randint(size, (16,), generator=generator)]
    scattered = (offset + spread * torch.randn(16, dimension, generator=generator)).to(dtype)
    tokens = torch.cat([scattered, near + (1e-3 * spread * torch.randn(16, dimension, generator=generator)).to(dtype)])
    codes = nearest(tokens, vectors).numpy()
    distances = squared_distances(tokens, vectors)
    best = np.sort(distances, axis=1)
    clear = np.ones(len(tokens), bool) if size == 1 else best[:, 1] > best[:, 0] * (1 + 1e-6)
    assert (codes == distances.argmin(1))[clear].all()


def test_identical_vectors_answer_with_their_lowest_index() -> None:
    vectors = torch.randn(4, 8)[torch.tensor([0, 1, 1, 2, 1, 3, 0])]
    tokens = vectors[torch.tensor([6, 4, 2, 3, 5])] + 1e-3
    assert nearest(tokens, vectors).tolist() == [0, 1, 1, 3, 5]
    assert nearest(tokens, torch.ones(6, 8)).tolist() == [0] * 5


def test_the_search_is_bounded_in_memory_and_gives_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, vectors = torch.randn(101, 6), torch.randn(17, 6)
    whole = nearest(tokens, vectors)
    monkeypatch.setattr(search, "MEMORY", 3 * 17)
    seen = []
    smallest = search._best_and_gap
    monkeypatch.setattr(search, "_best_and_gap", lambda part: seen.append(len(part)) or smallest(part))
    assert nearest(tokens, vectors).equal(whole)
    assert max(seen) == 3
    assert nearest(torch.empty(0, 6), vectors).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_codes_are_those_of_a_search_in_float64_and_ties_go_to_the_lowest(dtype: torch.dtype) -> None:
    # Coordinates on a coarse lattice, far from 0, give many exact ties and differences below float32's rounding.
    tokens, vectors = torch.randint(-2, 3, (700, 5)) + 1000, torch.randint(-2, 3, (300, 5)) + 1000
    vectors[200:] = vectors[:100]
    tokens, vectors = tokens.to(dtype), vectors.to(dtype)
    apart = (tokens.double()[:, None] - vectors.double()).square().sum(2)
    assert nearest(tokens, vectors).equal(apart.argmin(1))
    assert (apart == apart.amin(1, keepdim=True)).sum() > 2 * len(tokens)


def test_tokens_that_are_not_finite_get_a_code_and_leave_the_others_theirs() -> None:
    tokens, vectors = torch.randn(50, 4), torch.randn(20, 4)
    broken = tokens.clone()
    broken[7], broken[9, 1] = torch.nan, torch.inf
    codes = nearest(broken, vectors)
    finite = broken.isfinite().all(1)
    assert codes[finite].equal(nearest(tokens, vectors)[finite])
    assert codes.min() >= 0
    assert codes.max() < 20


@pytest.mark.parametrize("shape", [(1, 4, 3, 5), (2, 4, 7, 1), (1, 4, 3, 2, 5)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_map_keeps_its_shape_and_dtype_and_its_tokens_become_codebook_vectors(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    made = VectorQuantiser(6, 4)
    result = made(torch.randn(shape).to(dtype))
    assert result.quantised.shape == shape
    assert result.quantised.dtype == dtype
    assert result.codes.shape == (shape[0], 1, *shape[2:])
    assert result.loss.dtype == torch.promote_types(dtype, torch.float32)
    expected = made.codebook[result.codes[:, 0]].movedim(-1, 1).to(dtype)
    assert result.quantised.equal(expected)


def test_under_bf16_autocast_the_codes_are_those_of_fp32() -> None:
    made = VectorQuantiser(1024, 64)
    embedding = noise(2, 64, 8, 8)
    plain = made(embedding)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = made(embedding)
    assert under.codes.equal(plain.codes)
    assert under.loss.dtype == torch.float32
    assert under.loss.equal(plain.loss)


def test_the_codebook_starts_uniform_within_one_over_k() -> None:
    values = VectorQuantiser(256, 64).codebook.detach()
    assert values.abs().max() <= 1 / 256
    assert values.std().item() == pytest.approx(1 / 256 / 3**0.5, rel=0.02)


def test_usage_and_perplexity_of_known_codes() -> None:
    codes = torch.tensor([0, 0, 2, 2]).view(1, 1, 2, 2)
    counts = usage(codes, 4)
    assert counts.tolist() == [[2, 0, 2, 0]]
    assert perplexity(counts).tolist() == pytest.approx([2.0])
    assert perplexity(torch.tensor([7, 0, 0])).item() == pytest.approx(1.0)
    assert perplexity(torch.full((1, 8), 3)).item() == pytest.approx(8.0)


def test_identity_adds_nothing() -> None:
    embedding = torch.randn(2, 3, 4, 4, requires_grad=True)
    result = Identity(3)(embedding)
    assert result.quantised is embedding
    assert result.codes is None
    assert result.loss.item() == 0


def test_settings_that_make_no_quantiser_are_refused() -> None:
    with pytest.raises(RequestError, match="choose from norm, squares"):
        VectorQuantiser(4, 4, loss="cubes")
    with pytest.raises(RequestError, match="beta=-1"):
        VectorQuantiser(4, 4, beta=-1)
