import numpy as np
import pytest
import torch

from robustq.errors import RequestError
from robustq.network.output_masks import count_labels, default_answer, full_resolution, masks


def test_softmax_gives_each_pixel_to_its_largest_channel_and_the_background_to_nobody() -> None:
    scores = torch.tensor([[5.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 3.0]])[None, :, None]  # channels × pixels
    assert masks(scores, "softmax", 2).tolist() == [[[[False, True, False]], [[False, False, True]]]]


def test_a_tie_goes_to_the_lowest_channel() -> None:
    assert not masks(torch.zeros(1, 3, 2, 2), "softmax", 2).any()


def test_sigmoid_masks_may_overlap_and_stand_at_one_half() -> None:
    scores = torch.tensor([[1.0, 0.0, -1.0], [2.0, 1e-6, 3.0]])[None, :, None]
    assert masks(scores, "sigmoid", 2).tolist() == [[[[True, False, False]], [[True, True, True]]]]


def test_one_channel_is_one_label() -> None:
    assert default_answer(1) == "sigmoid"
    assert masks(torch.tensor([[[[-1.0, 1.0]]]]), "sigmoid", 1).tolist() == [[[[False, True]]]]


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("size", [(7, 9), (4, 5, 6)])
def test_each_voxel_gets_the_class_that_numpy_finds_however_scores_lie_in_memory(
    classes: int, size: tuple[int, ...]
) -> None:
    scores = torch.randn(2, classes, *size, generator=torch.Generator().manual_seed(classes)).round()  # with ties
    scores[0, 0] = -torch.inf
    innermost = scores.movedim(1, -1).contiguous().movedim(-1, 1)
    expected = scores.numpy().argmax(1)
    for one in (scores, innermost):
        found = masks(one, "softmax", classes - 1)
        assert (found.numpy() == (expected[:, None] == np.arange(1, classes).reshape(-1, *[1] * len(size)))).all()


def test_probabilities_are_read_as_they_are_with_and_without_a_background_channel() -> None:
    scores = torch.tensor([[0.4, 0.1], [0.6, 0.9]])[None, :, None]
    assert masks(scores, "probabilities", 1).tolist() == [[[[True, True]]]]
    assert masks(scores, "probabilities", 2).tolist() == [[[[False, False]], [[True, True]]]]


@pytest.mark.parametrize(
    ("classes", "answer", "labels"),
    [(2, "softmax", 1), (4, "softmax", 3), (1, "sigmoid", 1), (3, "sigmoid", 3), (1, "probabilities", 1)],
)
def test_channels_answer_for_so_many_labels(classes: int, answer: str, labels: int) -> None:
    assert count_labels(classes, answer) == labels


def test_one_channel_cannot_be_a_softmax() -> None:
    with pytest.raises(RequestError, match="2 output channels or more"):
        count_labels(1, "softmax")
    with pytest.raises(RequestError, match="did you mean softmax"):
        count_labels(2, "softmx")


def test_the_full_resolution_tensor_is_found_in_any_output_structure() -> None:
    full, half = torch.randn(2, 3, 8, 6), torch.randn(2, 3, 4, 3)
    stacked = torch.stack([full, full + 1], dim=1)
    outputs = (full, {"out": full, "aux": half}, [full, half], (half, full), stacked, {"out": [half, full]})
    for output in outputs:
        assert full_resolution(output, (8, 6)).equal(full)


@pytest.mark.parametrize(
    "output", [{"aux": torch.zeros(1, 2, 4, 4)}, [torch.zeros(1, 2, 2, 2)], torch.zeros(1, 2, 2, 2), None]
)
def test_an_output_without_it_is_refused(output: object) -> None:
    with pytest.raises(RequestError, match="the network's output has"):
        full_resolution(output, (4, 4))
