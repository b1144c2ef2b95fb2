"""Answers by sliding window, against MONAI's own call and against whole passes."""

import sys

import pytest
import torch
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

import robustq
from networks import noise, small, with_patch
from robustq.errors import RequestError
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.model.windows import OVERLAP, Windows, batches_of, class_scores, windows_of
from robustq.network.output_masks import masks


def by_monai(model: Segmenter, images: Tensor, *patch: int, batch_size: int = 3) -> Tensor:
    """MONAI's own sliding window over the whole model."""
    with torch.no_grad():
        return sliding_window_inference(
            images, patch, batch_size, lambda batch: model.run(batch).logits, overlap=0.5, mode="gaussian"
        )


SIZES = [
    ((24, 20), (16, 8)),
    ((17, 23), (8, 12)),
    ((9, 30), (16, 16)),
    ((12, 10, 9), (8, 8, 8)),
    ((6, 11, 7), (8, 6, 8)),
]
"""Extents of images and patches: images that hold several windows, and images that are smaller along an axis."""


@pytest.mark.parametrize(("size", "patch"), SIZES)
@pytest.mark.parametrize("quantise", ["16x4", "none"])
def test_scores_are_those_of_monais_own_sliding_window(
    quantise: str, size: tuple[int, ...], patch: tuple[int, ...]
) -> None:
    model = with_patch(small(quantise, dims=len(size)), *patch)
    images = noise(2, 1, *size)
    with torch.no_grad():
        found = class_scores(model, images, batch_size=3)
    assert found.scores.shape == (2, 2, *size)
    assert found.scores.equal(by_monai(model, images, *patch))
    answers = list(predict(model, images, batch_size=3))
    assert len(answers) == 2
    for image, answer in zip(images, answers, strict=True):
        assert answer.masks.equal(masks(by_monai(model, image[None], *patch), "softmax", 1))


def test_probabilities_are_those_of_the_blended_scores_of_every_answer() -> None:
    images = noise(1, 1, 20, 20)
    for answer, activation in (("softmax", None), ("sigmoid", None), ("probabilities", nn.Sigmoid())):
        network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), activation or nn.Identity())
        model = with_patch(robustq.wrap(network, "none", at="0", answer=answer, example=images).eval(), 8, 8)
        scores = by_monai(model, images, 8, 8)
        (found,) = predict(model, images, batch_size=3, with_probabilities=True)
        assert found.probabilities is not None
        assert found.probabilities.equal(model.probabilities(scores))
        assert found.masks.equal(model.masks(scores))


@pytest.mark.parametrize(("size", "patch"), SIZES)
def test_batches_hold_the_windows_that_monai_shows_the_network(size: tuple[int, ...], patch: tuple[int, ...]) -> None:
    images, shown = noise(2, 1, *size), []

    def keep(batch: Tensor) -> Tensor:
        shown.append(batch)
        return batch

    sliding_window_inference(images, patch, 3, keep, overlap=OVERLAP)
    found = list(Windows(patch).batches(images, batch_size=3))
    assert len(found) == len(shown)
    assert all(one.equal(other) for one, other in zip(found, shown, strict=True))


def test_a_network_that_sees_single_voxels_answers_as_on_the_whole_image() -> None:
    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.ReLU(), nn.Conv3d(2, 3, 1))
    images = noise(1, 1, 11, 9, 14)
    model = robustq.wrap(network, "none", at="0", example=images).eval()
    with torch.no_grad():
        whole = class_scores(model, images, batch_size=2).scores
        windowed = class_scores(with_patch(model, 4, 6, 8), images, batch_size=2).scores
    torch.testing.assert_close(windowed, whole, rtol=1e-5, atol=1e-6)


def test_far_from_the_borders_of_windows_a_small_field_of_view_sees_no_window() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 1))
    images = noise(1, 1, 16, 12)
    model = robustq.wrap(network, "none", at="0", example=images).eval()
    with torch.no_grad():
        whole = class_scores(model, images, batch_size=2).scores
        windowed = class_scores(with_patch(model, 12, 12), images, batch_size=2).scores
    inner = (..., slice(None, 3), slice(None))  # rows of the first window alone, whose last row is the twelfth
    torch.testing.assert_close(windowed[inner], whole[inner], rtol=1e-5, atol=1e-6)
    assert not windowed.allclose(whole)  # near a border of a window the network sees zeros instead of the image


def test_a_patch_of_the_size_of_the_image_gives_the_whole_answer() -> None:
    for size in ((16, 12), (8, 8, 12)):
        model, images = small(dims=len(size)), noise(2, 1, *size)
        whole = torch.cat([answer.masks for answer in predict(model, images, batch_size=1)])
        with torch.no_grad():
            scores = class_scores(model, images, batch_size=2).scores
            windowed = class_scores(with_patch(model, *size), images, batch_size=2).scores
        torch.testing.assert_close(windowed, scores, rtol=1e-6, atol=1e-6)  # the weights cancel, but for rounding
        assert torch.cat([answer.masks for answer in predict(model, images, batch_size=1)]).equal(whole)


def test_a_2d_model_reads_a_volume_by_windows_within_its_slices() -> None:
    model, volume = with_patch(small(), 8, 8), noise(1, 1, 12, 5, 10)
    (found,) = predict(model, volume, batch_size=3, axis=1, with_probabilities=True)
    for place in range(5):
        scores = by_monai(model, volume[:, :, :, place], 8, 8)
        assert found.masks[:, :, :, place].equal(model.masks(scores))
    assert found.codes is not None
    assert len(found.codes) == 5 * 4  # windows of a slice: 2 × 2
    assert len(list(batches_of(model, volume[0].movedim(2, 0), batch_size=4))) == 5


def test_codes_are_those_of_all_windows() -> None:
    model, images = with_patch(small(), 8, 8), noise(1, 1, 16, 12)
    (found,) = predict(model, images, batch_size=3)
    expected = torch.cat([model.run(batch).codes for batch in batches_of(model, images, batch_size=3)])
    assert found.codes is not None
    assert found.codes.equal(expected)
    assert len(expected) == 3 * 2


class Ending(nn.Module):
    """A network that ends in an activation whose backward pass needs its own output."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images).sigmoid()


@pytest.mark.parametrize("quantise", ["16x4", "none", "ending"])
def test_the_gradient_is_that_of_autograd_through_all_windows(quantise: str) -> None:
    if quantise == "ending":
        model = robustq.wrap(Ending(), "none", at="layer", answer="probabilities", example=noise(1, 1, 8, 8)).eval()
    else:
        model = small(quantise)
    size, patch = (14, 11), (8, 6)
    images, weights = noise(1, 1, *size, seed=1).requires_grad_(), noise(1, 2, *size, seed=2)
    found = class_scores(with_patch(model, *patch), images, batch_size=2).scores
    (gradient,) = torch.autograd.grad((found * weights).sum(), images)

    # The definition, with the graph of all windows: their scores, times Gaussian weights, over the sum of the weights.
    from monai.data.utils import compute_importance_map, dense_patch_slices

    plain = images.detach().requires_grad_()
    importance = compute_importance_map(patch, mode="gaussian")
    total, norm = torch.zeros(1, 2, *size), torch.zeros(size)
    for place in dense_patch_slices(size, patch, [4, 3]):
        part = torch.zeros(1, 2, *size)
        part[(..., *place)] = model.run(plain[(..., *place)]).logits * importance
        total = total + part
        norm[place] += importance
    torch.testing.assert_close(found.detach(), (total / norm).detach(), rtol=1e-5, atol=1e-6)
    ((total / norm) * weights).sum().backward()
    torch.testing.assert_close(gradient, plain.grad, rtol=1e-4, atol=1e-6)


def test_the_graph_of_one_batch_of_windows_is_held_at_a_time() -> None:
    model = with_patch(small("none"), 8, 8)
    passes = []
    model.network.register_forward_pre_hook(lambda *arguments: passes.append(torch.is_grad_enabled()))
    images = noise(1, 1, 16, 12).requires_grad_()
    scores = class_scores(model, images, batch_size=2).scores
    assert len(passes) == 3
    scores.sum().backward()
    assert len(passes) == 6, "each batch is computed again when its gradient is taken"


def test_without_monai_the_pip_line_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert windows_of(robustq.Preparation()) is None
    monkeypatch.setitem(sys.modules, "monai.inferers.utils", None)
    with pytest.raises(RequestError, match=r"patch 8 × 8.*pip install 'robustq\[monai\]'"):
        windows_of(robustq.Preparation(patch=(8, 8)))
    with pytest.raises(RequestError, match="needs the library monai"):
        robustq.stress({"m": with_patch(small(), 8, 8)}, [(noise(9, 9).numpy(), (noise(9, 9) > 1).int().numpy())])
