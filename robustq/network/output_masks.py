"""From a network's output to masks: the one place that knows (docs/definitions.md, From output to masks)."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.errors import RequestError, unknown
from robustq.shapes import BatchMasks

ANSWERS = ("softmax", "sigmoid", "probabilities")


def default_answer(classes: int) -> str:
    """Sigmoid for one output channel, softmax for more."""
    return "sigmoid" if classes == 1 else "softmax"


def count_labels(classes: int, answer: str) -> int:
    """Labels that a network of so many output channels answers with, where its answer alone decides.

    Softmax spends its first channel on the background. Probabilities of one channel are that label's; of more, they
    are read like a softmax unless the labels are told.

    Raises:
        RequestError: the answer does not exist, or one channel is asked for a softmax.
    """
    if answer not in ANSWERS:
        raise unknown("answer", answer, ANSWERS)
    if classes < 1:
        raise RequestError(f"classes={classes} is no number of output channels: give 1 or more, background included")
    if answer == "softmax" and classes < 2:
        raise RequestError("answer=softmax needs 2 output channels or more: take sigmoid for one")
    return classes if answer == "sigmoid" or classes == 1 else classes - 1


def full_resolution(output: object, size: Sequence[int]) -> Float[Tensor, "b classes *s"]:
    """The tensor of class scores in a network's output, (B, classes, *S).

    Args:
        output: a tensor; a dict, of which the entry `out` counts; a list or tuple (deep supervision), of which the
            entry at the size of the input counts; or deep supervision stacked as (B, heads, classes, *S), of which
            the first head counts.
        size: spatial size of the input.

    Raises:
        RequestError: there is no such tensor.
    """
    if isinstance(output, Mapping):
        if "out" not in output:
            raise RequestError(
                f"the network's output has no entry 'out', only {', '.join(map(str, output))}: give a network that "
                "returns its scores, alone or under 'out'"
            )
        return full_resolution(output["out"], size)
    if isinstance(output, Tensor):
        if output.ndim == len(size) + 3:
            output = output[:, 0]
        if output.ndim == len(size) + 2 and output.shape[2:] == tuple(size):
            return output
    elif isinstance(output, Sequence):
        for entry in output:
            if isinstance(entry, Tensor) and entry.shape[2:] == tuple(size):
                return entry
    shape = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"type {type(output).__name__}"
    raise RequestError(f"the network's output has {shape}, where scores of {tuple(size)} were expected")


def exclusive(classes: int, answer: str, labels: int) -> bool:
    """Whether one class answers at each voxel, the background among them; else each label answers for itself."""
    return answer == "softmax" or (answer == "probabilities" and classes == labels + 1)


def masks(scores: Float[Tensor, "b classes *s"], answer: str, labels: int) -> BatchMasks:
    """Boolean masks (B, labels, *S) of class scores.

    Softmax: label i is where channel i + 1 is the largest; the lowest channel wins a tie. Sigmoid: label i is where
    its channel is above 0.5, masks may overlap. Probabilities: as softmax where there is one channel more than
    labels, else as sigmoid without applying it.
    """
    classes = scores.shape[1]
    if exclusive(classes, answer, labels):
        winner = scores.argmax(1, keepdim=True)  # (b, 1, *s)
        index = torch.arange(1, classes, device=scores.device).view(1, -1, *[1] * (scores.ndim - 2))
        return winner == index
    return scores > (0.0 if answer == "sigmoid" else 0.5)


def probabilities(scores: Float[Tensor, "b classes *s"], answer: str, labels: int) -> Float[Tensor, "b l *s"]:
    """The probability of each label at each voxel, (B, labels, *S), from class scores.

    Softmax: of the channels after the background's. Sigmoid: of each channel. Probabilities are given as they are,
    without the background's where there is one channel more than labels.
    """
    if answer == "softmax":
        return scores.softmax(1)[:, 1:]
    if answer == "sigmoid":
        return scores.sigmoid()
    return scores[:, 1:] if exclusive(scores.shape[1], answer, labels) else scores


def class_map(truth: BatchMasks) -> Int[Tensor, "b *s"]:
    """The class of each voxel, 0 for the background; where labels overlap the last of them."""
    number = torch.arange(1, truth.shape[1] + 1, device=truth.device).view(1, -1, *[1] * (truth.ndim - 2))
    return (truth * number).amax(1)
