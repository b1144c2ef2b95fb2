"""What a case goes through before a model sees it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import zoom

import robustq
from networks import noise, small
from robustq.data.preparation import Preparation
from robustq.data.prepared_cases import PreparedCases
from robustq.data.slices import from_slices, slice_axis, to_slices
from robustq.dataset import AbstractDataset, Case, Entry, own_range
from robustq.draws.by_name import load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.errors import CaseError, RequestError
from robustq.testing.dataset import check_dataset


def case(*shape: int, mask: torch.Tensor | None = None, channels: int = 1, spacing: tuple[float, ...] = ()) -> Case:
    """Values around 100, a range wider than they are, and one label."""
    image = 100 + 20 * noise(channels, *shape)
    return Case(
        image,
        (image[0] > 110).int() if mask is None else mask,
        torch.tensor([[0.0, 255.0]] * channels, dtype=torch.float64),
        spacing or (2.0,) * len(shape),
        "mm",
        Entry("a", "a"),
    )


@pytest.mark.parametrize("shape", [(13, 17), (5, 9, 7)])
@pytest.mark.parametrize("normalise", ["min-max", "z-score", "percentile", "window", "none"])
def test_a_normalisation_does_what_numpy_says_and_carries_the_range_along(
    shape: tuple[int, ...], normalise: str
) -> None:
    window = (60.0, 140.0) if normalise == "window" else None
    stored = case(*shape, channels=2)
    prepared = Preparation(dims=len(shape), channels=2, normalise=normalise, window=window)(stored)
    for channel in range(2):
        x = stored.image[channel].double().numpy()
        low, high = {
            "min-max": (x.min(), x.max()),
            "z-score": (x.mean(), x.mean() + x.std()),
            "percentile": tuple(np.percentile(x, (0.5, 99.5))),
            "window": (60.0, 140.0),
            "none": (0.0, 1.0),
        }[normalise]
        expected = (x - low) / (high - low)
        limits = (np.array(window or (0.0, 255.0)) - low) / (high - low)
        if normalise in ("percentile", "window"):
            expected, limits = expected.clip(0, 1), limits.clip(0, 1)
        assert np.allclose(prepared.image[channel], expected, atol=1e-5)
        assert np.allclose(prepared.intensity_range[channel], limits)


def test_a_constant_image_is_prepared_without_dividing_by_nothing() -> None:
    flat = case(8, 8)
    for normalise in ("min-max", "z-score", "percentile"):
        stored = Case(torch.full((1, 8, 8), 7.0), flat.mask, flat.intensity_range, (1.0, 1.0), "px", flat.entry)
        assert Preparation(normalise=normalise)(stored).image.equal(torch.zeros(1, 8, 8))


def test_a_resize_recomputes_the_spacing_and_interpolates_as_scipy_does() -> None:
    stored = case(16, 24)
    prepared = Preparation(size=(32, 12), normalise="none")(stored)
    assert prepared.image.shape == (1, 32, 12)
    assert prepared.spacing == (1.0, 4.0)
    # The factor two down is left unsmoothed; away from the border both see the same four neighbours.
    expected = zoom(stored.image[0].numpy(), (2, 0.5), order=1, grid_mode=True, mode="nearest")
    assert np.allclose(prepared.image[0][2:-2, 1:-1], expected[2:-2, 1:-1], atol=1e-3)


def test_a_resampling_to_a_spacing_keeps_the_extent() -> None:
    prepared = Preparation(dims=3, spacing=(1.0, 2.0, 2.0))(case(6, 10, 8, spacing=(2.0, 2.0, 3.0)))
    assert prepared.image.shape == (1, 12, 10, 12)
    assert prepared.spacing == (1.0, 2.0, 2.0)


@given(
    extents=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=2, max_size=3), seed=st.integers(0, 99)
)
def test_crop_and_pad_undo_each_other_where_nothing_is_cut(extents: list[tuple[int, int]], seed: int) -> None:
    shape, wanted = (tuple(pair[side] for pair in extents) for side in (0, 1))
    stored = case(*shape)
    prepared = Preparation(dims=len(shape), normalise="none", crop=wanted)(stored)
    assert prepared.image.shape[1:] == wanted
    assert prepared.intensity_range.equal(stored.intensity_range)
    if all(new >= old for old, new in extents):
        back = Preparation(dims=len(shape), normalise="none", crop=shape)(
            Case(prepared.image, prepared.mask[0].int(), stored.intensity_range, stored.spacing, "mm", stored.entry)
        )
        assert back.image.equal(stored.image)
        assert back.mask[0].int().equal(stored.mask)


def test_labels_with_a_gap_become_one_mask_each_and_the_ignored_value_none() -> None:
    mask = torch.tensor([[0, 1, 5], [7, 9, 5]], dtype=torch.int32)
    prepared = Preparation(labels=((1, "lung"), (5, "heart"), (7, "rib")), ignore=9)(case(2, 3, mask=mask))
    assert prepared.labels == ("lung", "heart", "rib")
    assert prepared.mask.tolist() == [(mask == value).tolist() for value in (1, 5, 7)]
    assert prepared.ignored.equal(mask == 9)


def test_a_mask_of_0_and_255_is_binary() -> None:
    mask = torch.tensor([[0, 255], [255, 0]], dtype=torch.int32)
    assert Preparation()(case(2, 2, mask=mask)).mask[0].equal(mask == 255)


@pytest.mark.parametrize(
    ("stored", "preparation", "words"),
    [
        (
            case(4, 4, channels=3),
            Preparation(),
            "has 3 image channels, the model takes 1: wrap the model with --in-channels 3",
        ),
        (case(4, 4), Preparation(dims=3), "is an image, the model takes volumes"),
        (case(2, 2, mask=torch.tensor([[1, 4]] * 2)), Preparation(), "has the values 4, which are none of the labels"),
    ],
)
def test_a_case_that_does_not_fit_the_model_is_refused(stored: Case, preparation: Preparation, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        preparation(stored)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dims": 4}, "2 or 3 spatial axes"),
        ({"normalise": "zscore"}, "did you mean z-score"),
        ({"normalise": "window"}, "normalise=window needs a window"),
        ({"size": (0, 8)}, "does not fit a 2D model"),
        ({"size": (8, 8), "spacing": (1.0, 1.0)}, "both given"),
        ({"patch": (8, 8, 8)}, "patch 8x8x8 does not fit a 2D model"),
        ({"patch": (8, 0)}, "patch 8x0 does not fit a 2D model"),
        ({"labels": ((1, "a"), (1, "b"))}, "repeat a mask value"),
        ({"labels": ((1, "a"),), "ignore": 1}, "share a mask value"),
    ],
)
def test_a_preparation_that_makes_no_sense_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Preparation(**settings)


@given(shape=st.tuples(*[st.integers(1, 5)] * 3), axis=st.integers(0, 2), channels=st.integers(1, 3))
def test_the_slices_of_a_volume_make_the_volume(shape: tuple[int, ...], axis: int, channels: int) -> None:
    volume = noise(channels, *shape)
    slices = to_slices(volume, axis)
    assert len(slices) == shape[axis]
    assert slices[0].equal(volume.select(axis + 1, 0))
    assert from_slices(slices, axis).equal(volume)


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((1.0, 1.0, 5.0), 2), ((5.0, 1.0, 1.0), 0), ((1.0, 1.0, 1.0), 2), ((2.0, 2.0, 1.0), 1)],
)
def test_volumes_are_sliced_along_the_coarsest_axis_the_last_if_equal(spacing: tuple[float, ...], axis: int) -> None:
    assert slice_axis(spacing) == axis


def test_a_flat_model_prepares_a_volume_within_its_slices() -> None:
    prepared = Preparation(size=(8, 6))(case(5, 16, 12, spacing=(7.0, 1.0, 1.0)))
    assert prepared.slice_axis == 0
    assert prepared.image.shape == (1, 5, 8, 6)
    assert prepared.spacing == (7.0, 2.0, 2.0)


def test_standardised_values_are_clipped_to_the_window_then_centred_and_scaled() -> None:
    values = torch.tensor([[[-500.0, 40.0], [100.0, 900.0]]])
    volume = Case(values, torch.zeros(2, 2, dtype=torch.int32), own_range(values), (1.0, 1.0), "px", Entry("a", "a"))
    prepared = Preparation(normalise="window", window=(-100.0, 240.0), standardise=(40.0, 20.0))(volume)
    torch.testing.assert_close(prepared.image, torch.tensor([[[-7.0, 0.0], [3.0, 10.0]]]))
    assert prepared.intensity_range.tolist() == [[-7, 10]]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"normalise": "imagenet"}, r"images of 3 channels, and the network takes 1: give channels=3 .*--grey-to-rgb"),
        ({"normalise": "mean-std"}, "needs a mean and a standard deviation for each channel"),
        ({"normalise": "imagenet", "channels": 3, "mean_std": ((0.5,) * 3,) * 2}, "these need normalise=mean-std"),
        ({"mean_std": ((0.5,), (0.2,))}, "these need normalise=mean-std: give both"),
        ({"normalise": "mean-std", "mean_std": ((0.5,) * 3, (0.2,))}, "has 3 means and 1 standard deviations"),
        ({"normalise": "mean-std", "mean_std": ((0.5,), (0.0,))}, "standard deviations above 0"),
        (
            {"normalise": "min-max", "window": (0.0, 1.0)},
            r"needs normalise=window \(or imagenet or mean-std\)",
        ),
        ({"normalise": "imagenet", "channels": 3, "window": (0.0, 1.0), "standardise": (0.0, 1.0)}, "standardise="),
    ],
)
def test_means_and_standard_deviations_that_do_not_fit_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Preparation(**fields)


def test_a_bundle_keeps_means_and_standard_deviations() -> None:
    preparation = Preparation(channels=2, normalise="mean-std", mean_std=((0.1, 0.2), (0.3, 0.4)))
    document = json.loads(json.dumps(preparation.to_dict()))
    assert Preparation.from_dict(document) == preparation
    with pytest.raises(RequestError, match="not a valid value"):
        Preparation.from_dict(document | {"mean_std": [[0.1, 0.2]]})
    assert "mean_std" not in Preparation().to_dict()


def test_a_window_with_imagenet_clips_and_becomes_the_range() -> None:
    preparation = Preparation(channels=3, grey_to_rgb=True, normalise="imagenet", window=(90.0, 110.0))
    stored = case(6, 5)
    prepared = preparation(stored)
    assert np.allclose(prepared.image, ((stored.image - 90) / 20).clamp(0, 1), atol=1e-6)
    assert prepared.intensity_range.tolist() == [[0, 1]]


def test_the_axes_of_a_volume_are_put_in_the_models_order_and_those_of_a_picture_are_left() -> None:
    preparation = Preparation(dims=2, normalise="none", axes=(2, 0, 1))
    values = torch.arange(24.0).view(1, 2, 3, 4)
    volume = Case(values, (values[0] > 7).int(), own_range(values), (1.0, 2.0, 3.0), "mm", Entry("a", "a"))
    prepared = preparation(volume)
    assert prepared.image.shape == (1, 4, 2, 3)
    assert prepared.image[0, 3, 1, 2] == values[0, 1, 2, 3]
    assert prepared.mask[0].equal(prepared.image[0] > 7)
    assert (prepared.spacing, prepared.slice_axis) == ((3, 1, 2), 0)
    picture = Case(values[:, 0], (values[0, 0] > 7).int(), own_range(values), (1.0, 1.0), "px", Entry("a", "a"))
    assert preparation(picture).image.equal(values[:, 0])


def test_labels_may_be_unions_of_mask_values_and_overlap() -> None:
    preparation = Preparation(labels=(((1, 2), "whole"), (2, "core")))
    mask = torch.tensor([[0, 1], [2, 2]])
    volume = Case(torch.rand(1, 2, 2), mask, torch.tensor([[0.0, 1.0]]), (1.0, 1.0), "px", Entry("a", "a"))
    assert preparation(volume).mask.tolist() == [[[False, True], [True, True]], [[False, False], [True, True]]]
    assert Preparation.from_dict(json.loads(json.dumps(preparation.to_dict()))) == preparation
    strange = replace(volume, mask=torch.full((2, 2), 3))
    with pytest.raises(RequestError, match=r"the values 3, which are none of the labels 1\+2=whole, 2=core"):
        preparation(strange)


def test_a_preparation_of_an_earlier_bundle_is_read() -> None:
    earlier = {key: value for key, value in Preparation().to_dict().items() if key not in ("axes", "standardise")}
    assert Preparation.from_dict(earlier) == Preparation()


def test_a_patch_is_kept_and_a_preparation_without_one_is_written_as_it_was() -> None:
    assert "patch" not in Preparation().to_dict()
    preparation = Preparation(dims=3, patch=(96, 64, 32))
    assert Preparation.from_dict(json.loads(json.dumps(preparation.to_dict()))) == preparation
    assert preparation.differences(Preparation(dims=3)) == ["patch (96, 64, 32) against None"]
    with pytest.raises(RequestError, match="not a valid value"):
        Preparation.from_dict({**preparation.to_dict(), "patch": [96.5, 64, 32]})


def test_a_case_with_a_plan_is_prepared_by_nnunets_architecture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = {"spacing": [1.0, 1.0, 1.0]}
    asked = []

    class Cropping:
        def prepare(self, stored: Case, given: dict[str, Any]) -> Case:
            asked.append(given)
            return replace(stored, image=stored.image[..., 1:], mask=stored.mask[..., 1:], spacing=(1.0, 1.0, 5.0))

    monkeypatch.setattr("robustq.registry.load", lambda kind, name: Cropping())
    mask = torch.randint(0, 4, (6, 7, 8), generator=torch.Generator().manual_seed(0))
    labels = (((1, 2), "whole"), (2, "tumour"))
    preparation = Preparation(dims=3, normalise="none", labels=labels, ignore=3, plan=plan)
    prepared = preparation(case(6, 7, 8, mask=mask))
    assert asked == [plan]
    assert prepared.mask.equal(torch.stack([(mask == 1) | (mask == 2), mask == 2])[..., 1:])
    assert prepared.ignored.equal(mask[..., 1:] == 3)
    assert (prepared.labels, prepared.slice_axis) == (("whole", "tumour"), None)
    # nnU-Net's slices lie along the last axis, whichever is the coarsest.
    flat = replace(preparation, dims=2)
    assert flat(case(6, 7, 8, mask=mask, spacing=(5.0, 1.0, 1.0))).slice_axis == 2
    with pytest.raises(RequestError, match="has the values 4"):
        preparation(case(6, 7, 8, mask=mask + (mask == 3) * (torch.arange(8) == 0)))


def test_a_plan_is_kept_in_a_bundle() -> None:
    preparation = Preparation(plan={"spacing": [1.0, 1.0], "schemes": ["NoNormalization"]}, normalise="none")
    assert Preparation.from_dict(json.loads(json.dumps(preparation.to_dict()))) == preparation
    assert "plan" not in Preparation().to_dict(), "earlier versions read bundles without one"
    with pytest.raises(RequestError, match="plan='3d', which is not a valid value"):
        Preparation.from_dict({**preparation.to_dict(), "plan": "3d"})
    with pytest.raises(RequestError, match="plan says what normalise, axes, size and crop would say"):
        replace(preparation, crop=(8, 8))


def test_a_patch_leaves_the_prepared_case_as_it_is() -> None:
    stored = case(9, 7, spacing=(2.0, 2.0))
    for settings in ({}, {"size": (12, 10)}, {"spacing": (1.0, 1.0)}, {"size": (12, 10), "crop": (6, 14)}):
        plain, patched = (Preparation(**settings, **patch)(stored) for patch in ({}, {"patch": (8, 16)}))
        assert patched.image.equal(plain.image)
        assert patched.mask.equal(plain.mask)
        assert patched.spacing == plain.spacing


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"standardise": (0.0, 1.0)}, "needs a window to clip to"),
        (
            {"standardise": (0.0, 0.0), "normalise": "window", "window": (0.0, 1.0)},
            "a finite standard deviation above 0",
        ),
        ({"axes": (0, 1)}, "not an order of a volume's axes"),
        ({"labels": (((), "nothing"),)}, "a label has no mask value"),
        ({"labels": (((0, 1), "all"),)}, "0, the background|not above 0"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Preparation(**fields)


DIMENSIONS = pytest.mark.parametrize(("dims", "shape"), [(2, (13, 17)), (3, (9, 8, 7)), (2, (9, 8, 7))])
"""Images for a 2D model, volumes for a 3D model, and volumes for a 2D model."""


@DIMENSIONS
@pytest.mark.parametrize("settings", [{"size": (6, 5, 4)}, {"spacing": (1.5, 3.0, 2.5)}, {"crop": (12, 5, 9)}, {}])
def test_a_case_without_a_mask_is_prepared_like_one_with_a_mask(
    dims: int, shape: tuple[int, ...], settings: dict[str, tuple[float, ...]]
) -> None:
    preparation = Preparation(
        dims=dims, axes=(2, 0, 1), ignore=9, **{name: extents[:dims] for name, extents in settings.items()}
    )
    with_mask = preparation(case(*shape))
    without = preparation(replace(case(*shape), mask=None))
    assert without.mask is None
    assert without.ignored is None
    assert without.image.equal(with_mask.image)
    assert without.intensity_range.equal(with_mask.intensity_range)
    assert (without.spacing, without.slice_axis, without.labels) == (
        with_mask.spacing,
        with_mask.slice_axis,
        with_mask.labels,
    )


@DIMENSIONS
@pytest.mark.parametrize("name", ["gaussian", "blur", "affine", "gaussian+affine"])
def test_a_case_without_a_mask_is_perturbed_like_one_with_a_mask(dims: int, shape: tuple[int, ...], name: str) -> None:
    prepared = Preparation(dims=dims)(case(*shape))
    perturber = Perturber(load_perturbations([name]), DrawSettings(seed=3, clip=True))
    with_mask = perturber(prepared, name, 30, 0)
    without = perturber(replace(prepared, mask=None), name, 30, 0)
    assert without.mask is None
    assert without.image.equal(with_mask.image)
    assert not without.image.equal(prepared.image)


class OneWithoutMask(AbstractDataset):
    """Four cases, of which the second has no mask."""

    name = "one without mask"

    @property
    def entries(self) -> list[Entry]:
        return [Entry(letter, letter) for letter in "abcd"]

    def read(self, entry: Entry) -> Case:
        stored = replace(case(16, 16), entry=entry)
        return replace(stored, mask=None) if entry.id == "b" else stored

    def fingerprint(self, entry: Entry) -> str:
        return f"{entry.id:>016}"


def test_a_case_without_a_mask_has_no_truth_and_is_left_out_by_name_where_answers_are_scored() -> None:
    data = OneWithoutMask()
    cases = PreparedCases(data, Preparation())
    with pytest.raises(CaseError, match="case b has no mask, so no answer can be scored"):
        cases(data.entries[1]).truth  # noqa: B018 - looking is what is refused
    assert [entry.id for entry in cases.check(data.entries)] == ["a", "c", "d"]
    assert cases.failures == {
        "b": "it has no mask, so no answer can be scored (robustq stress --without-labels needs none)"
    }
    run = robustq.stress({"m": small("8x4")}, data, levels=[10], draws=1)
    assert set(run.to_frame().query("status == 'failed'")["case"]) == {"b"}
    assert set(run.to_frame().query("status == 'ok'")["case"]) <= {"a", "c", "d"}
    with pytest.raises(CaseError, match="case b has no mask"):
        robustq.minimal_level(small("8x4"), cases(data.entries[1]), "gaussian")


def test_a_dataset_of_cases_without_masks_keeps_the_contract() -> None:
    class WithoutMasks(OneWithoutMask):
        @property
        def entries(self) -> list[Entry]:
            return [Entry("b", "b")]

    check_dataset(WithoutMasks())
