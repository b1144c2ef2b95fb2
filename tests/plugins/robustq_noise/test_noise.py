import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import robustq
from robustq import registry
from robustq.dataset import Case, Entry
from robustq.draws.seeds import draw_generator, draw_seed, seeded_globals
from robustq.errors import CaseError, RequestError
from robustq_noise.photons import _decided, _expanded, poisson_quantile

NAMES = [name for name in registry.names("perturbations") if not registry.load("perturbations", name)().moves_truth]
"""`robustq.perturb` refuses the others."""


def moments(name: str, value: float, *, level: float, low: float = 0.0, high: float = 1.0) -> tuple[float, float]:
    """Mean and standard deviation of a flat image after the noise."""
    image = torch.full((1, 1, 400, 500), value, dtype=torch.float64)
    noisy = robustq.perturb(image, name, level=level, intensity_range=(low, high))
    return noisy.mean().item(), noisy.std().item()


images = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=4, max_dims=5, min_side=1, max_side=5),
    elements=st.floats(-100, 100, width=32),
)


@given(image=images, name=st.sampled_from(NAMES), seed=st.integers(0, 2**40))
def test_level_0_is_the_identity_bit_for_bit(image: np.ndarray, name: str, seed: int) -> None:
    assert robustq.perturb(image, name, level=0, seed=seed).tobytes() == image.tobytes()


@given(
    name=st.sampled_from(NAMES),
    order=st.permutations(range(4)),
    size=st.integers(1, 4),
    dtype=st.sampled_from([torch.float16, torch.float32, torch.float64]),
)
def test_equal_seeds_give_equal_noise_whatever_the_batch_size_and_the_order(
    name: str, order: list[int], size: int, dtype: torch.dtype
) -> None:
    batch = torch.rand(4, 2, 5, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    keys = ["a", "b", "c", "d"]
    whole = robustq.perturb(batch, name, level=30, seed=5, keys=keys, intensity_range=(0, 1))
    for start in range(0, 4, size):
        chosen = order[start : start + size]
        part = robustq.perturb(
            batch[chosen], name, level=30, seed=5, keys=[keys[place] for place in chosen], intensity_range=(0, 1)
        )
        assert part.equal(whole[chosen])


@given(
    name=st.sampled_from(NAMES),
    level=st.floats(0.1, 100),
    scale=st.floats(1e-2, 1e3),
    shift=st.floats(-1e3, 1e3),
    low=st.floats(-1, 0.5),
)
def test_rescaling_the_image_rescales_the_result(
    name: str, level: float, scale: float, shift: float, low: float
) -> None:
    image = torch.rand(1, 1, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    plain = robustq.perturb(image, name, level=level, intensity_range=(low, 1.0))
    scaled = robustq.perturb(
        scale * image + shift, name, level=level, intensity_range=(scale * low + shift, scale + shift)
    )
    torch.testing.assert_close(scaled, scale * plain + shift, rtol=1e-7, atol=1e-7 * (scale + abs(shift)))


@given(level=st.floats(0.01, 100), shape=st.sampled_from([(1, 1, 7, 9), (1, 3, 4, 5), (1, 2, 3, 4, 5), (1, 1, 1, 1)]))
def test_salt_and_pepper_selects_exactly_the_number_that_is_defined(level: float, shape: tuple[int, ...]) -> None:
    image = torch.full(shape, 0.5)
    noisy = robustq.perturb(image, "salt-and-pepper", level=level, intensity_range=(0, 1))
    count = math.floor(level / 100 * image.numel() + 0.5)
    assert int((noisy == 1).sum()) == math.ceil(count / 2)
    assert int((noisy == 0).sum()) == count // 2
    assert int((noisy == 0.5).sum()) == image.numel() - count


def test_what_salt_and_pepper_takes_at_a_level_it_takes_at_every_higher_one() -> None:
    image = torch.full((1, 2, 20, 20), 0.5)
    noisy = [robustq.perturb(image, "s&p", level=level, intensity_range=(0, 1)) for level in (5, 20, 60, 100)]
    for lower, higher in pairwise(noisy):
        taken = lower != 0.5
        assert higher[taken].equal(lower[taken])


def test_gaussian_noise_has_the_standard_deviation_that_is_defined() -> None:
    mean, sd = moments("gaussian", 70.0, level=20, low=-100, high=300)
    assert mean == pytest.approx(70, abs=1)
    assert sd == pytest.approx(0.2 * 400, rel=0.01)


def test_one_draw_of_gaussian_noise_is_the_same_noise_at_growing_strength() -> None:
    image = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    ten, thirty = (robustq.perturb(image, "gaussian", level=level, intensity_range=(0, 1)) for level in (10, 30))
    torch.testing.assert_close(3 * ten, thirty)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_poisson_noise_keeps_the_mean_and_its_variance_grows_with_the_value(share: float) -> None:
    low, high, level = 10.0, 50.0, 20
    mean, sd = moments("poisson", low + share * (high - low), level=level, low=low, high=high)
    assert mean == pytest.approx(low + share * (high - low), abs=0.1)
    assert sd == pytest.approx(0.2 * (high - low) * math.sqrt(share), rel=0.02)


def test_poisson_noise_on_two_pixels_is_counts_of_photons() -> None:
    image = torch.tensor([[[[0.25, 1.0]]]], dtype=torch.float64)
    noisy = robustq.perturb(image, "poisson", level=50, intensity_range=(0, 1), seed=3)
    rate = image[0] / 0.25  # k = 1 / (s² h) = 4
    uniform = torch.rand(1, 1, 2, generator=draw_generator(3, "0", "poisson", 0), dtype=torch.float64)
    counts = torch.from_numpy(scipy.stats.poisson.ppf(uniform, rate))
    assert noisy[0].equal(counts / 4)


@given(st.lists(st.tuples(st.floats(1e-6, 1 - 1e-6), st.floats(0, 1e6)), min_size=1, max_size=50))
def test_counts_by_inversion_are_the_quantiles_of_scipys_distribution(pairs: list[tuple[float, float]]) -> None:
    share, rate = (np.array(values) for values in zip(*pairs, strict=True))
    counts = poisson_quantile(share, rate)
    assert (scipy.stats.poisson.cdf(counts, rate) >= share - 1e-12).all()
    assert (scipy.stats.poisson.cdf(counts - 1, rate) <= share + 1e-12).all()


@pytest.mark.parametrize("most", [2.0, 8.0, 30.0, 1e3, 2e4])
def test_counts_without_the_distribution_function_are_those_that_it_decides(most: float) -> None:
    generator = np.random.default_rng(0)
    share, rate = generator.random(40_000), most * generator.random(40_000)
    assert np.array_equal(poisson_quantile(share, rate), _decided(share, rate))


@pytest.mark.parametrize("rate", [8.0, 9.3, 12.0, 20.0, 100.0, 1e4])
def test_the_expansion_leaves_out_every_place_that_it_may_miss(rate: float) -> None:
    share = scipy.stats.norm.cdf(np.linspace(-2.999, 2.999, 5001))
    counts = _expanded(share, np.full_like(share, rate))
    certain = ~np.isnan(counts)
    assert certain.mean() > 0.8
    assert np.array_equal(counts[certain], scipy.stats.poisson.ppf(share[certain], rate))


def test_counts_by_inversion_have_poissons_mean_and_variance() -> None:
    share = np.random.default_rng(0).random(200_000)
    for rate in (0.3, 7.0, 400.0, 1e6, 1e12):
        counts = poisson_quantile(share, np.full_like(share, rate))
        assert counts.mean() == pytest.approx(rate, abs=4 * (rate / share.size) ** 0.5 + 1e-3)
        assert counts.var() == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize("name", ["gaussian", "speckle", "poisson", "rician"])
def test_one_draw_is_the_same_noise_at_growing_strength(name: str) -> None:
    image = 0.5 + 0.4 * torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = {
        (level, draw): robustq.perturb(image, name, level=level, draw=draw, intensity_range=(0, 1)) - image
        for level, draw in ((10, 0), (30, 0), (30, 1))
    }
    same, other = (np.corrcoef(noise[10, 0].flatten(), noise[30, draw].flatten())[0, 1] for draw in (0, 1))
    assert same > 0.85
    assert abs(other) < 0.1


@pytest.mark.parametrize(("count", "level", "taken"), [(50, 57, 29), (50, 29, 15), (25, 58, 15), (50, 0.5, 0)])
def test_salt_and_pepper_counts_halves_exactly(count: int, level: float, taken: int) -> None:
    image = torch.full((1, 1, 5, count // 5), 0.5, dtype=torch.float64)
    noisy = robustq.perturb(image, "s&p", level=level, intensity_range=(0, 1))
    assert (noisy != 0.5).sum() == taken


def test_clipping_leaves_level_0_as_it_is() -> None:
    image = torch.tensor([[[[-0.5, 0.2, 1.5]]]])
    assert robustq.perturb(image, "gaussian", level=0, intensity_range=(0, 1), clip=True).equal(image)
    assert robustq.perturb(image, "gaussian", level=1, intensity_range=(0, 1), clip=True).aminmax() == (0, 1)


@pytest.mark.parametrize("level", [1e-7, 1e-3, 1.0])
def test_poisson_noise_is_finite_however_low_the_level(level: float) -> None:
    image = torch.tensor([[[[0.0, 1e-30, 0.5, 1e6]]]], dtype=torch.float64)
    noisy = robustq.perturb(image, "poisson", level=level, intensity_range=(0, 1e6))
    torch.testing.assert_close(noisy, image, rtol=0, atol=1e6 * level / 10)


def test_speckle_grows_with_the_distance_from_low() -> None:
    assert moments("speckle", 10.0, level=30, low=10, high=20) == (10.0, 0.0)
    mean, sd = moments("speckle", 18.0, level=30, low=10, high=20)
    assert mean == pytest.approx(18, abs=0.05)
    assert sd == pytest.approx(0.3 * 8, rel=0.01)


def test_rician_noise_has_the_second_moment_of_its_two_parts() -> None:
    low, high, value = 5.0, 25.0, 12.0
    mean, sd = moments("rician", value, level=20, low=low, high=high)
    square = sd**2 + (mean - low) ** 2
    assert square == pytest.approx((value - low) ** 2 + 2 * (0.2 * (high - low)) ** 2, rel=0.01)
    # Where there is no signal, a Rician is a Rayleigh distribution.
    mean, _ = moments("rician", low, level=20, low=low, high=high)
    assert mean - low == pytest.approx(0.2 * (high - low) * math.sqrt(math.pi / 2), rel=0.01)


@pytest.mark.parametrize("name", ["poisson", "rician"])
def test_values_below_low_keep_their_distance_to_it(name: str) -> None:
    inside, below = torch.zeros(1, 1, 9, 9, dtype=torch.float64), torch.full((1, 1, 9, 9), -0.5, dtype=torch.float64)
    at_low, under = (robustq.perturb(image, name, level=40, intensity_range=(0, 1)) for image in (inside, below))
    torch.testing.assert_close(under, at_low - 0.5)


def test_each_channel_has_its_own_range() -> None:
    image = torch.zeros(1, 2, 200, 200, dtype=torch.float64)
    noisy = robustq.perturb(image, "gaussian", level=10, intensity_range=[(0, 1), (0, 50)])
    assert noisy[0, 0].std().item() == pytest.approx(0.1, rel=0.02)
    assert noisy[0, 1].std().item() == pytest.approx(5.0, rel=0.02)
    peppered = robustq.perturb(image + 0.5, "s&p", level=100, intensity_range=[(0, 1), (2, 9)])
    assert set(peppered[0, 0].unique().tolist()) == {0, 1}
    assert set(peppered[0, 1].unique().tolist()) == {2, 9}


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_image_has_no_range_and_stays_as_it_is(name: str) -> None:
    image = torch.full((2, 1, 4, 4), 3.0)
    assert robustq.perturb(image, name, level=50).equal(image)


@pytest.mark.parametrize("name", ["gaussian", "speckle", "rician"])
def test_gradients_flow_through(name: str) -> None:
    image = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    robustq.perturb(image, name, level=10, intensity_range=(0, 1)).sum().backward()
    assert image.grad.abs().sum() > 0


def test_arrays_come_back_as_arrays_and_nothing_is_changed_in_place() -> None:
    image = np.random.default_rng(0).random((2, 3, 5, 4))
    before = image.copy()
    noisy = robustq.perturb(image, "gaussian", level=10)
    assert isinstance(noisy, np.ndarray)
    assert noisy.dtype == np.float64
    assert (image == before).all()
    assert noisy.tobytes() == robustq.perturb(torch.from_numpy(image), "gaussian", level=10).numpy().tobytes()


def test_clipping_brings_values_back_into_the_range() -> None:
    image = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    noisy = robustq.perturb(image, "gaussian", level=80, intensity_range=(0, 1), clip=True)
    assert noisy.min() == 0
    assert noisy.max() == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"level": 101}, "level 101 is not a percentage"),
        ({"level": math.nan}, "level nan is not a percentage"),
        ({"intensity_range": (1, 0)}, "is not a range"),
        ({"intensity_range": [(0, 1)] * 3}, "one such pair for each of the 2 channels"),
        ({"keys": ["a", "a"]}, "one key per image, all different"),
        ({"keys": ["a"]}, "do not name 2 images"),
        ({"images": torch.zeros(2, 3, 4)}, r"give \(B, C, \*S\)"),
        ({"images": torch.zeros(2, 2, 4, 4, dtype=torch.uint8)}, "convert them to floating point"),
        ({"name": "gausian"}, "did you mean gaussian"),
        ({"name": "affine"}, "affine moves the mask with the image, and no mask is given here: run robustq stress"),
    ],
)
def test_what_cannot_be_perturbed_is_refused_in_words(arguments: dict[str, object], words: str) -> None:
    asked = {"images": torch.zeros(2, 2, 4, 4), "name": "gaussian", "level": 10} | arguments
    with pytest.raises(RequestError, match=words):
        robustq.perturb(**asked)


def test_a_seed_follows_from_run_case_name_and_draw_and_from_nothing_that_merely_looks_alike() -> None:
    assert draw_seed(0, "case", "gaussian", 0) == 5393423465319592617
    others = {
        draw_seed(*key) for key in ((1, "case", "gaussian", 0), (0, "c", "asegaussian", 0), (0, "case", "gaussian", 1))
    }
    assert len(others) == 3
    assert draw_seed(0, "case", "gaussian", 0) not in others


def test_libraries_that_draw_from_global_generators_are_seeded_and_leave_no_trace() -> None:
    state, numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    drawn = []
    for _ in range(2):
        with seeded_globals(draw_generator(0, "case", "motion", 0)):
            drawn.append((torch.rand(1).item(), float(np.random.rand())))
    assert drawn[0] == drawn[1]
    assert torch.get_rng_state().equal(state)
    assert (np.random.get_state()[1] == numpy).all()


def paper_code(image: torch.Tensor, name: str, level: float) -> torch.Tensor:
    perturbation = registry.load("perturbations", name, compat="paper-code")()
    limits = torch.tensor([[0.0, 7.0]], dtype=torch.float64)
    case = Case(image, image > 0, limits, (1.0,) * (image.ndim - 1), "px", Entry("a", "a"))
    return perturbation(case, level, torch.Generator().manual_seed(0)).image


def test_the_papers_formulas_know_no_range() -> None:
    image = torch.full((1, 300, 300), 4.0, dtype=torch.float64)
    assert paper_code(image, "gaussian", 10).std().item() == pytest.approx(0.1, rel=0.02)
    assert paper_code(image, "speckle", 10).std().item() == pytest.approx(0.4, rel=0.02)
    assert paper_code(image, "poisson", 10).std().item() == pytest.approx(0.2, rel=0.02)
    changed = (paper_code(image, "salt-and-pepper", 50) != 4).double()
    assert changed.mean().item() == pytest.approx(1 - math.exp(-0.5), abs=0.02)
    assert changed[0, -1].sum() == 0
    assert paper_code(image, "gaussian", 0) is image


def test_the_papers_poisson_formula_darkens_volumes_and_refuses_negative_voxels() -> None:
    volume = torch.rand(1, 20, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert paper_code(volume, "poisson", 10).mean().item() == pytest.approx(0.1 * volume.mean().item(), rel=0.02)
    with pytest.raises(CaseError, match="negative voxels"):
        paper_code(volume - 1, "poisson", 10)
