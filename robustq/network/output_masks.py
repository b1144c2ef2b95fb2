"""Turns a network's output into masks. No other module does this (docs/definitions.md, From output to masks)."""

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
    """The number of labels of a network, as far as its number of output channels and its answer decide it.

    With softmax, the first channel is the background. With probabilities, one channel is one label; several channels
    are read as with softmax, unless the caller names the labels.

    Raises:
        RequestError: the answer does not exist, there is no channel, or softmax has only one channel.
    """
    if answer not in ANSWERS:
        raise unknown("answer", answer, ANSWERS)
    if classes < 1:
        raise RequestError(f"classes={classes} is not a number of output channels: give 1 or more, with the background")
    if answer == "softmax" and classes < 2:
        raise RequestError("answer=softmax needs 2 output channels or more: use answer=sigmoid for one channel")
    return classes if answer == "sigmoid" or classes == 1 else classes - 1


def numbered_labels(count: int) -> tuple[tuple[int, str], ...]:
    """Labels where nobody has named them: the mask values from 1, each with its number as its name."""
    return tuple((number, str(number)) for number in range(1, count + 1))


def full_resolution(
    output: object, size: Sequence[int], head: int | str | None = None
) -> Float[Tensor, "b classes *s"]:
    """The tensor of class scores in a network's output, (B, classes, *S).

    Args:
        output: a tensor; a dict, whose entry `out` is used; a list or tuple (deep supervision), whose first entry with
            the size of the input is used; or deep supervision stacked as (B, heads, classes, *S), whose first head is
            used.
        size: spatial size of the input.
        head: key, place or field name of the entry that is used instead. A single tensor of scores is used whatever
            `head` says, because deep supervision may be on in training alone.

    Raises:
        RequestError: the output holds no such tensor, or one of booleans or complex numbers.
    """
    if head is not None:
        return full_resolution(_entry(output, size, head), size)
    if isinstance(output, Mapping):
        if "out" not in output:
            raise RequestError(
                f"the network's output has no entry 'out', only {', '.join(map(str, output))}: give a network that "
                "returns its scores, either alone or in an entry 'out', or say which entry with "
                "robustq.wrap(..., head=NAME) (--head NAME)"
            )
        return full_resolution(output["out"], size)
    if isinstance(output, Tensor):
        if output.ndim == len(size) + 3:
            output = output[:, 0]
        if output.ndim == len(size) + 2 and output.shape[2:] == tuple(size):
            return _real(output)
    elif isinstance(output, Sequence):
        for entry in output:
            if isinstance(entry, Tensor) and entry.shape[2:] == tuple(size):
                return _real(entry)
    shape = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"type {type(output).__name__}"
    raise RequestError(
        f"the network's output has {shape}, and its scores should be (B, classes, {', '.join(map(str, size))}): "
        f"{_way_out(output, size)}"
    )


def _way_out(output: object, size: Sequence[int]) -> str:
    """What to do where the output of a network cannot be read."""
    if not isinstance(output, Tensor):
        names = [name for name in _names(output) if isinstance(getattr(output, name), Tensor)]
        if names:
            return f"say which of {', '.join(names)} holds them with robustq.wrap(..., head=NAME) (--head NAME)"
        change = "the scores"
    elif output.shape[1:-1] == tuple(size):
        axes = ", ".join(map(str, (0, len(size) + 1, *range(1, len(size) + 1))))
        change = f"network(images).permute({axes})"
    elif output.shape[1:] == tuple(size):
        change = "network(images)[:, None]" if output.is_floating_point() else "scores instead of labels"
    elif output.ndim == len(size) + 2:
        change = "torch.nn.functional.interpolate(network(images), images.shape[2:])"
    else:
        change = "the scores"
    return f"put the network into a module whose forward(self, images) returns {change}"


def _names(output: object) -> list[str]:
    """The names of the fields of a named tuple or a dataclass."""
    return list(getattr(output, "_fields", getattr(output, "__dataclass_fields__", ())))


def rivals(output: object, size: Sequence[int], classes: int | None) -> list[int]:
    """The places of the entries of a list, or of a list in the entry `out`, that could be the answer; empty where fewer
    than two could.

    They have the size of the input. One of them is known to be the answer if it is the first and the only one with so
    many classes. Where the number of classes is not known, features may stand before the scores.
    """
    if isinstance(output, Mapping):
        return rivals(output.get("out"), size, classes)
    if isinstance(output, Tensor | str) or not isinstance(output, Sequence):
        return []
    shapes = {place: entry.shape for place, entry in enumerate(output) if isinstance(entry, Tensor)}
    full = {place: shape for place, shape in shapes.items() if len(shape) > 2 and shape[2:] == tuple(size)}
    possible = [place for place, shape in full.items() if classes in (None, shape[1])]
    # The first of the image's size would be scored.
    return list(full) if len(possible) > 1 or (possible and possible[0] != next(iter(full))) else []


def require_one_answer(output: object, size: Sequence[int], classes: int | None) -> None:
    """Refuse an output with several answers of which it is not known which one is to be scored.

    Args:
        output: output of a network.
        size: spatial size of the input.
        classes: number of output channels; None where nobody has said it.

    Raises:
        RequestError: several entries of the output could be the answer.
    """
    _refuse_axis_of_one(output, size, classes)
    places = rivals(output, size, classes)
    if places:
        raise RequestError(
            f"the network gives {len(places)} answers of the size of the image (entries {', '.join(map(str, places))} "
            "of its output), as with deep supervision, and it is not known which one is to be scored: turn deep "
            "supervision off, or give robustq.wrap(..., head=NUMBER) (--head NUMBER); -1 is the last"
        )


def _refuse_axis_of_one(output: object, size: Sequence[int], classes: int | None) -> None:
    """Refuse (B, N, 1, *S), which may be N heads of one class each, or N classes with an axis of extent 1."""
    if not isinstance(output, Tensor) or output.ndim != len(size) + 3 or classes == 1:
        return
    if output.shape[1] > 1 and output.shape[2] == 1:
        raise RequestError(
            f"the network's output has shape {tuple(output.shape)}: its axis {output.shape[1]} may hold classes, or "
            "answers of one class each. If it holds classes, put the network into a module whose forward(self, images) "
            "returns network(images)[:, :, 0]; else say which answer is scored with robustq.wrap(..., head=NUMBER) "
            "(--head NUMBER)"
        )


def _real(scores: Tensor) -> Tensor:
    """The scores, refused if they are no real numbers."""
    if scores.dtype == torch.bool or scores.is_complex():
        raise RequestError(
            f"the network's output has the type {scores.dtype}: put the network into a module whose "
            "forward(self, images) returns its scores as real numbers, from before it thresholds them"
        )
    return scores


def require_batch(scores: Tensor, images: Tensor) -> None:
    """Refuse scores that are not one answer for each image.

    Raises:
        RequestError: the number of answers is not that of the images.
    """
    if len(scores) != len(images):
        raise RequestError(
            f"the network gives {len(scores)} answers for {len(images)} images (shape {tuple(scores.shape)}), and its "
            "scores should be (B, classes, *S): put the network into a module whose forward(self, images) returns them "
            "so, such as network(images).transpose(0, 1)"
        )


def _entry(output: object, size: Sequence[int], head: int | str) -> object:
    """The entry of an output that `head` names."""
    if isinstance(output, Tensor):
        if output.ndim != len(size) + 3:
            return output
        output = output.unbind(1)
    if isinstance(output, Mapping) and isinstance(head, int) and "out" in output:
        return _entry(output["out"], size, head)
    if isinstance(head, str) and head in _names(output):
        return getattr(output, head)
    try:
        return output[head]  # type: ignore[index]  # any other output is refused
    except (TypeError, KeyError, IndexError) as error:
        names = list(map(str, output)) if isinstance(output, Mapping) else _names(output)
        accepted = ", ".join(names) or f"a {type(output).__name__}"
        raise RequestError(
            f"the network's output has no entry {head!r}, it is {accepted}: correct head (--head)"
        ) from error


def exclusive(classes: int, answer: str, labels: int) -> bool:
    """Whether each voxel gets exactly one class, which may be the background; if not, each label has its own mask."""
    return answer == "softmax" or (answer == "probabilities" and classes == labels + 1)


def masks(scores: Float[Tensor, "b classes *s"], answer: str, labels: int) -> BatchMasks:
    """Boolean masks (B, labels, *S) from class scores.

    Softmax: label i is where channel i + 1 is the largest; the lowest channel wins a tie. Sigmoid: label i is where the
    sigmoid of its channel is above 0.5; masks may overlap. Probabilities: as softmax if there is one channel more than
    labels; else label i is where its channel is above 0.5.
    """
    classes = scores.shape[1]
    if exclusive(classes, answer, labels):
        winner = _largest(scores)
        index = torch.arange(1, classes, device=scores.device).view(1, -1, *[1] * (scores.ndim - 2))
        return winner == index
    return scores > (0.0 if answer == "sigmoid" else 0.5)


def _largest(scores: Float[Tensor, "b classes *s"]) -> Int[Tensor, "b 1 *s"]:
    """The channel with the largest score at each voxel; the lowest channel wins a tie."""
    if scores.device.type != "cpu" or not scores.is_contiguous():
        return scores.argmax(1, keepdim=True)
    # Along an axis whose entries lie far apart, argmax takes four to ten times as long as one channel after the other.
    largest, winner = scores[:, :1], torch.zeros_like(scores[:, :1], dtype=torch.long)
    for channel in range(1, scores.shape[1]):
        score = scores[:, channel : channel + 1]
        winner.masked_fill_(score > largest, channel)
        largest = torch.maximum(largest, score)
    return winner


def probabilities(scores: Float[Tensor, "b classes *s"], answer: str, labels: int) -> Float[Tensor, "b l *s"]:
    """The probability of each label at each voxel, (B, labels, *S), from class scores.

    Softmax: the softmax over all channels, without the channel of the background. Sigmoid: the sigmoid of each channel.
    Probabilities: the channels as they are, without the background if there is one channel more than labels.
    """
    if answer == "softmax":
        return scores.softmax(1)[:, 1:]
    if answer == "sigmoid":
        return scores.sigmoid()
    return scores[:, 1:] if exclusive(scores.shape[1], answer, labels) else scores


def class_map(truth: BatchMasks) -> Int[Tensor, "b *s"]:
    """The class of each voxel: 0 for the background, and the last label where labels overlap."""
    number = torch.arange(1, truth.shape[1] + 1, device=truth.device).view(1, -1, *[1] * (truth.ndim - 2))
    return (truth * number).amax(1)
