"""Each perturbation beyond noise against its formula, or against somebody else's code."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from scipy.fft import dctn, idctn

import robustq
from networks import small
from robustq import registry
from robustq.data.open_dataset import open_dataset
from robustq.dataset import Case, Entry
from robustq.draws.random_numbers import choice, either_way, strength, uniform
from robustq.draws.seeds import draw_generator
from robustq_artefact.jpeg import STEPS


def smooth(*size: int, seed: int = 0) -> torch.Tensor:
    """A batch of one image of soft blobs between 0 and 1, float64."""
    values = ndimage.gaussian_filter(np.random.default_rng(seed).random(size), 2, mode="wrap")
    return torch.from_numpy((values - values.min()) / (values.max() - values.min()))[None, None]


def perturbed(image: torch.Tensor, name: str, level: float, **settings: object) -> torch.Tensor:
    return robustq.perturb(image, name, level=level, intensity_range=(0, 1), **settings)


def generator(name: str, seed: int = 0) -> torch.Generator:
    """Of the draw that `perturbed` makes."""
    return draw_generator(seed, "0", name, 0)


def moved(name: str, image: torch.Tensor, level: float, seed: int = 0) -> Case:
    """A case (C, *S) with everything above one half as its mask, moved."""
    limits = torch.tensor([[0.0, 1.0]] * len(image), dtype=torch.float64)
    case = Case(image, image > 0.5, limits, (1.0,) * (image.ndim - 1), "px", Entry("0", "0"), ("label",))
    return registry.load("perturbations", name)()(case, level, generator(name, seed))


def test_brightness_shifts_all_values_alike_by_half_the_level_or_more() -> None:
    image = smooth(20, 30)
    shifts = torch.stack([perturbed(image, "brightness", 20, seed=seed) - image for seed in range(20)]).flatten(1)
    torch.testing.assert_close(shifts, shifts[:, :1].expand_as(shifts))
    assert (shifts.abs() >= 0.1 - 1e-9).all()
    assert (shifts.abs() <= 0.2 + 1e-9).all()
    assert 0 < (shifts[:, 0] > 0).sum() < 20


def test_contrast_turns_values_about_the_middle_of_the_range() -> None:
    image = torch.tensor([[[[0.5, 1.0, 0.0]]]], dtype=torch.float64)
    gain = 8 ** (0.4 * either_way(generator("contrast")))
    expected = torch.tensor([[[[0.5, 0.5 + gain / 2, 0.5 - gain / 2]]]], dtype=torch.float64)
    torch.testing.assert_close(perturbed(image, "contrast", 40), expected)


def aligned_seed() -> int:
    """Of a draw whose blocks begin at the corner."""
    for seed in range(1000):
        found = generator("jpeg", seed)
        if choice(found, 8) == choice(found, 8) == 0:
            return seed
    raise AssertionError("no draw begins at the corner")


def test_jpeg_at_quality_50_looks_as_pillow_has_it() -> None:
    image = (255 * smooth(64, 48)).round()
    stored = io.BytesIO()
    Image.fromarray(image[0, 0].numpy().astype(np.uint8)).save(stored, "JPEG", quality=50)
    level = 100 * math.sqrt(1 / 50)
    ours = robustq.perturb(image, "jpeg", level=level, intensity_range=(0, 255), seed=aligned_seed())
    theirs = torch.from_numpy(np.asarray(Image.open(stored)).astype(float))
    assert (ours[0, 0] - image[0, 0]).abs().max() > 2
    # Pillow rounds to whole grey values and transforms in integers, so a coefficient half-way may fall to either side.
    assert ((ours[0, 0] - theirs).abs() <= 1).double().mean() > 0.95


@pytest.mark.parametrize("size", [(13, 21), (9, 17, 3)])
def test_jpeg_quantises_the_cosine_transform_of_every_block_of_every_slice(size: tuple[int, ...]) -> None:
    image = smooth(*size).repeat(1, 2, *[1] * len(size))
    image[:, 1] = 1 - image[:, 1]
    drawn = generator("jpeg")
    top, left = choice(drawn, 8), choice(drawn, 8)
    expected = np.empty(image.shape[1:] if len(size) == 3 else (*image.shape[1:], 1))
    steps = np.array(STEPS) * 50 * 0.3**2
    for channel, values in enumerate(image[0].numpy()):
        for place in range(expected.shape[-1]):
            plane = 255 * (values[..., place] if len(size) == 3 else values) - 128
            height, width = plane.shape
            plane = np.pad(plane, ((top, -(top + height) % 8), (left, -(left + width) % 8)), mode="edge")
            for row in range(0, plane.shape[0], 8):
                for column in range(0, plane.shape[1], 8):
                    block = plane[row : row + 8, column : column + 8]
                    block[:] = idctn(np.round(dctn(block, norm="ortho") / steps) * steps, norm="ortho")
            expected[channel, ..., place] = (plane[top : top + height, left : left + width] + 128) / 255
    ours = perturbed(image, "jpeg", 30)[0].numpy()
    np.testing.assert_allclose(ours if len(size) == 3 else ours[..., None], expected, atol=1e-9)


def test_jpeg_says_which_quality_a_level_is() -> None:
    limits = torch.tensor([[0.0, 1.0]])
    jpeg = registry.load("perturbations", "jpeg")()
    qualities = [jpeg.parameters(level, limits)["quality"] for level in (1e-6, 10, 30, 100)]
    assert qualities == pytest.approx([100, 75, 100 / 9, 1])


@pytest.mark.parametrize("size", [(33, 20), (9, 12, 17)])
def test_pixelate_gives_every_block_its_mean(size: tuple[int, ...]) -> None:
    image = smooth(*size)
    coarse = perturbed(image, "pixelate", 100)
    phases = uniform(generator("pixelate"), len(size)).tolist()
    blocks = np.zeros(size, int)
    for axis, (extent, phase) in enumerate(zip(size, phases, strict=True)):
        number = np.floor(np.arange(extent) / (1 + extent / 8) + phase).astype(int)
        blocks = 100 * blocks + number.reshape([-1 if other == axis else 1 for other in range(len(size))])
    blocks = np.unique(blocks, return_inverse=True)[1].reshape(size)
    expected = ndimage.mean(image[0, 0].numpy(), blocks, np.arange(blocks.max() + 1))[blocks]
    np.testing.assert_allclose(coarse[0, 0].numpy(), expected, atol=1e-12)


def test_defocus_spreads_a_point_over_a_disc() -> None:
    image = torch.zeros(1, 1, 81, 97, dtype=torch.float64)
    image[0, 0, 40, 48] = 1
    disc = perturbed(image, "defocus", 80)[0, 0]
    radius = 0.8 * strength(generator("defocus")) / 8 * 81
    away = torch.hypot(*torch.meshgrid(torch.arange(81.0) - 40, torch.arange(97.0) - 48, indexing="ij"))
    assert disc.sum().item() == pytest.approx(1)
    assert disc[away > radius + math.sqrt(2)].abs().max() < 1e-12
    inside = disc[away < radius - math.sqrt(2)]
    assert inside.mean().item() == pytest.approx(1 / (math.pi * radius**2), rel=0.01)
    assert (inside.max() / inside.min()).item() < 1.3


def test_defocus_keeps_to_the_slices_of_a_volume() -> None:
    volume = torch.zeros(1, 1, 15, 16, 5, dtype=torch.float64)
    volume[..., 2] = smooth(15, 16)
    blurred = perturbed(volume, "defocus", 60)
    assert blurred[..., [0, 1, 3, 4]].abs().max() < 1e-12
    assert blurred[..., 2].std() < volume[..., 2].std()


@pytest.mark.parametrize("size", [(30, 41), (12, 9, 15)])
def test_the_bias_field_is_a_cubic_polynomial_whatever_the_image(size: tuple[int, ...]) -> None:
    image = 0.2 + smooth(*size)
    field = (perturbed(image, "bias-field", 50) / image)[0, 0].log2() / 0.5
    torch.testing.assert_close(field, perturbed(torch.ones_like(image), "bias-field", 50)[0, 0].log2() / 0.5)
    axes = np.meshgrid(*(np.linspace(-1, 1, extent) for extent in size), indexing="ij")
    powers = [power for power in np.ndindex(*[4] * len(size)) if sum(power) <= 3]
    terms = np.stack([np.prod([a**p for a, p in zip(axes, power, strict=True)], axis=0).ravel() for power in powers], 1)
    values = field.numpy().ravel()
    fitted = terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    np.testing.assert_allclose(values, fitted, atol=1e-4)
    assert np.mean(values**2) == pytest.approx(1, rel=1e-4)


def test_gamma_is_one_power_within_the_range() -> None:
    image = torch.tensor([[[[0.0, 0.25, 0.5, 1.0, -0.5]]]], dtype=torch.float64)
    power = 5 ** (0.6 * either_way(generator("gamma")))
    expected = torch.tensor([[[[0, 0.25**power, 0.5**power, 1, -(0.5**power)]]]], dtype=torch.float64)
    torch.testing.assert_close(perturbed(image, "gamma", 60), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [(30, 41), (12, 9, 15)])
def test_blur_is_scipys_gaussian(size: tuple[int, ...]) -> None:
    image = smooth(*size)
    shares = uniform(generator("blur"), 3, low=0.5).numpy()[: len(size)]
    expected = ndimage.gaussian_filter(image[0, 0].numpy(), 0.4 / 10 * shares * size)
    np.testing.assert_allclose(perturbed(image, "blur", 40)[0, 0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(30, 41), (12, 10, 15)])
def test_ghosting_weakens_every_nth_plane_of_k_space_but_the_central_one(size: tuple[int, ...]) -> None:
    image = smooth(*size)
    before, after = (
        np.fft.fftshift(np.fft.fftn(values[0, 0].numpy())) for values in (image, perturbed(image, "ghosting", 20))
    )
    drawn = generator("ghosting")
    axis, ghosts = choice(drawn, len(size)), 2 + choice(drawn, 5)
    factor = np.ones(size[axis])
    factor[::ghosts] = 1 - 2 * 0.2
    factor[size[axis] // 2] = 1
    factor = factor.reshape([-1 if other == axis else 1 for other in range(len(size))])
    # The image is the real part, so half of a plane is mirrored into its opposite.
    expected = np.fft.fftshift(np.fft.fftn(np.fft.ifftn(np.fft.ifftshift(before * factor)).real))
    np.testing.assert_allclose(after, expected, atol=1e-3)
    assert np.abs(after - before).max() > 1


@pytest.mark.parametrize("size", [(32, 44), (12, 10, 14)])
def test_motion_leaves_the_centre_of_k_space_and_fills_the_rest_from_moved_images(size: tuple[int, ...]) -> None:
    image = smooth(*size)
    axis = choice(generator("motion"), len(size))
    spectra = [np.fft.fftn(values[0, 0].numpy()) for values in (image, perturbed(image, "motion", 60))]
    before, after = (np.moveaxis(np.fft.fftshift(spectrum), axis, -1) for spectrum in spectra)
    wrong = np.abs(after - before).max(axis=tuple(range(len(size) - 1)))
    middle = size[axis] // 2
    assert wrong[middle] < 1e-3
    assert wrong.max() > 0.1
    assert wrong[middle - 1 : middle + 2].max() < wrong.max()


@pytest.mark.parametrize("size", [(30, 41), (12, 9, 15)])
def test_a_spike_adds_one_wave_of_the_level_that_knows_nothing_of_the_image(size: tuple[int, ...]) -> None:
    image = smooth(*size)
    wave = (perturbed(image, "spike", 25) - image)[0, 0].numpy()
    np.testing.assert_allclose(wave, (perturbed(0 * image, "spike", 25))[0, 0].numpy(), atol=1e-6)
    waves = np.abs(np.fft.fftn(wave)) / wave.size
    assert (waves > 1e-5).sum() <= 2
    assert waves.sum() == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_anisotropy_coarsens_one_axis_to_the_border_and_leaves_what_is_straight(seed: int) -> None:
    rows, columns = torch.meshgrid(*(torch.linspace(0.2, 1, extent).double() for extent in (40, 56)), indexing="ij")
    axis = choice(generator("anisotropy", seed), 2)
    along, across = (rows, columns) if axis == 0 else (columns, rows)
    torch.testing.assert_close(
        perturbed(across[None, None], "anisotropy", 100, seed=seed)[0, 0], across, rtol=0, atol=1e-5
    )
    coarse = perturbed(along[None, None], "anisotropy", 100, seed=seed)[0, 0]
    # Nothing black comes in; a ramp is off by no more than a thick voxel, near the border.
    assert (coarse - along).abs().max() <= 0.8 / 8
    assert (coarse >= 0.2 - 1e-6).all()
    waves = smooth(40, 56)
    thick = perturbed(waves, "anisotropy", 100, seed=seed)
    # Between the centres of two thick voxels, at least 3.5 apart, it is straight.
    straight = [float((values.diff(n=2, dim=2 + axis).abs() < 1e-6).double().mean()) for values in (waves, thick)]
    assert straight[0] < 0.01
    assert straight[1] > 1 - 2 / 3.5


def affine_by_scipy(values: np.ndarray, level: float, drawn: torch.Generator, order: int) -> np.ndarray:
    """An image (H, W) turned, scaled and shifted by what a draw of affine says, 0 outside."""
    turn, scale, shift = level / 100 * uniform(drawn, 3, 3, low=-1, high=1).numpy()
    angle = math.radians(45 * turn[2])
    # x goes to S (R (x - c) + t) + c; SciPy asks where the result's voxels come from.
    unturn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    back = unturn @ np.diag(1.5 ** -scale[:2])
    centre = (np.array(values.shape) - 1) / 2
    offset = centre - back @ centre - unturn @ (0.2 * shift[:2] * values.shape)
    return ndimage.affine_transform(values, back, offset, order=order, cval=0)


def test_affine_turns_scales_and_shifts_as_scipy_does() -> None:
    image = smooth(40, 30)[0]
    result = moved("affine", image, 50)
    inside = affine_by_scipy(np.ones((40, 30)), 50, generator("affine"), order=1) > 0.999
    assert 0.3 < inside.mean() < 1
    expected = affine_by_scipy(image[0].numpy(), 50, generator("affine"), order=1)
    np.testing.assert_allclose(result.image[0].numpy()[inside], expected[inside], atol=1e-5)
    nearest = affine_by_scipy((image[0] > 0.5).numpy(), 50, generator("affine"), order=0)
    assert (result.mask[0].numpy() == nearest)[inside].mean() > 0.995


def test_a_moved_case_is_scored_against_the_moved_truth() -> None:
    labels = tuple(sorted(open_dataset("phantom").labels.items()))
    preparation = robustq.Preparation(size=(40, 36), labels=labels)
    segmenter = small("none", classes=4, preparation=preparation, seed=5).eval()
    data = open_dataset("phantom:cases=1,domain=A")
    case = segmenter.spec.preparation(data.read(data.entries[0]))
    run = robustq.stress({"m": segmenter}, data, noise=["affine"], levels=[60], draws=4, seed=7)
    rows = run.to_frame().query("metric == 'dice' and level == 60")
    assert len(rows)
    differences = []
    for row in rows.itertuples():
        drawn = draw_generator(7, "A/0000", "affine", int(row.draw))
        low = case.image.min()
        image = affine_by_scipy((case.image[0] - low).numpy(), 60, drawn, order=1) + low.numpy()
        place = case.labels.index(row.label)
        still = case.mask[place].numpy()
        truth = affine_by_scipy(still, 60, draw_generator(7, "A/0000", "affine", int(row.draw)), order=0)
        with torch.no_grad():
            answer = (segmenter(torch.from_numpy(image)[None, None]).argmax(1)[0] == place + 1).numpy()
        dice = [2 * (answer & mask).sum() / max(1, answer.sum() + mask.sum()) for mask in (truth, still)]
        # A voxel at the border of the image, or half-way between two, may fall to either side.
        assert row.value == pytest.approx(dice[0], abs=0.02)
        differences.append(abs(row.value - dice[1]))
    assert max(differences) > 0.05


def test_what_is_ignored_moves_with_the_mask() -> None:
    image = smooth(24, 20)[0]
    limits = torch.tensor([[0.0, 1.0]])
    case = Case(image, image > 0.6, limits, (1.0, 1.0), "px", Entry("0", "0"), ("label",), ignored=image[0] > 0.5)
    result = registry.load("perturbations", "affine")()(case, 70, generator("affine"))
    expected = affine_by_scipy(case.ignored.numpy(), 70, generator("affine"), order=0)
    inside = affine_by_scipy(np.ones((24, 20)), 70, generator("affine"), order=1) > 0.999
    assert (result.ignored.numpy() == expected)[inside].mean() > 0.99
    assert (result.ignored != case.ignored).float().mean() > 0.05


@pytest.mark.parametrize("size", [(40, 56), (20, 16, 24)])
@pytest.mark.parametrize("axis", [0, 1])
def test_elastic_moves_by_a_tenth_of_the_extent_at_most_and_nothing_folds(size: tuple[int, ...], axis: int) -> None:
    # An image of its own coordinates shows where each place came from.
    ramp = torch.arange(size[axis]).double().view([-1 if other == axis else 1 for other in range(len(size))])
    ramp = ramp.expand(size)[None] / (size[axis] - 1)
    ten, thirty, whole = (moved("elastic", ramp, level).image for level in (10, 30, 100))
    assert (whole.diff(dim=axis + 1) > -1e-6)[whole.diff(dim=axis + 1).abs() < 0.5].all()
    inner = (slice(None), *(slice(extent // 4, -(extent // 4)) for extent in size))
    assert 0.01 < (whole - ramp)[inner].abs().max() <= 0.1
    torch.testing.assert_close((thirty - ramp)[inner], 3 * (ten - ramp)[inner], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["affine", "elastic"])
def test_what_comes_in_from_outside_is_each_channels_minimum_and_background(name: str) -> None:
    image = torch.cat([smooth(24, 20)[0] + 5, smooth(24, 20, seed=1)[0] - 3])
    result = moved(name, image, 100, seed=2)
    for before, after in zip(image, result.image, strict=True):
        assert after.min() >= before.min() - 1e-6
        assert after.max() <= before.max() + 1e-6


@pytest.mark.parametrize("name", sorted(set(registry.names("perturbations")) - {"affine", "elastic"}))
@pytest.mark.parametrize("size", [(1, 9), (5, 1), (1, 1), (3, 1, 4)])
def test_an_axis_of_one_pixel_is_no_obstacle(name: str, size: tuple[int, ...]) -> None:
    image = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0))
    assert perturbed(image, name, 70).isfinite().all()
