"""Outputs and sites that could be read in two ways, or not at all."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robustq
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter

IMAGES = torch.rand(2, 1, 16, 12, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """A convolution, whose scores `answer` hands over in another form."""

    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body, self.answer = nn.Conv2d(1, 2, 3, padding=1), answer

    def forward(self, images: Tensor) -> Tensor:
        return self.answer(self.body(images))


def wrapped(answer: Callable[[Tensor], Tensor], **more: Any) -> Segmenter:
    return robustq.wrap(Net(answer), "none", example=IMAGES, **more)


def test_classes_with_a_depth_of_one_are_not_taken_for_heads() -> None:
    with pytest.raises(RequestError, match=r"may hold classes, or answers of one class each.*\[:, :, 0\]"):
        wrapped(lambda scores: scores[:, :, None])
    assert wrapped(lambda scores: scores[:, :, None], head=1).spec.classes == 1
    assert wrapped(lambda scores: scores[:, :1, None]).spec.classes == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda scores: scores[:, 1:] > 0, "has the type torch.bool"),
        (lambda scores: scores.to(torch.complex64), "has the type torch.complex64"),
        (lambda scores: scores.repeat(3, 1, 1, 1), "gives 6 answers for 2 images"),
    ],
)
def test_an_answer_without_scores_of_each_image_is_refused_in_words(
    answer: Callable[[Tensor], Tensor], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        wrapped(answer)


class Tokens(nn.Module):
    """A transformer block on tokens in PyTorch's default order (N, B, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(1, 8, 4, 4), nn.Conv2d(8, 2, 1)
        self.block = nn.TransformerEncoderLayer(8, 2, 16)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.patches(images)
        tokens = self.block(maps.flatten(2).permute(2, 0, 1))
        return nn.functional.interpolate(self.head(tokens.permute(1, 2, 0).view_as(maps)), images.shape[2:])


def test_tokens_whose_first_axis_is_not_the_images_are_no_site() -> None:
    with pytest.raises(RequestError, match=r"'block' gives has 12 entries for 2 images.*\(N, B, C\)"):
        robustq.wrap(Tokens(), "8x4", example=IMAGES, at="block")
