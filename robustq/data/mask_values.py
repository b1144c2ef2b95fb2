"""Turns the values of a stored mask into one boolean mask for each label."""

import re
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.shapes import Masks

MaskValue = int | tuple[int, ...]
"""One value of the stored mask; or several values, and the label is their union. Unions may overlap."""

Labels = tuple[tuple[MaskValue, str], ...]
"""The mask value and the name of each label, in the order of the masks."""


def union(value: MaskValue) -> tuple[int, ...]:
    """All values of the stored mask that belong to a label."""
    return (value,) if isinstance(value, int) else value


def mask_value_text(value: MaskValue) -> str:
    """A mask value as text, which `parse_mask_value` reads: 3, or 1+2+3 for a union."""
    return "+".join(str(number) for number in union(value))


def parse_mask_value(text: str) -> MaskValue:
    """Read a mask value such as 3, or 1+2+3 for the union of three values."""
    numbers = tuple(int(number) for number in text.split("+"))
    return numbers if len(numbers) > 1 else numbers[0]


def is_mask_value_text(text: str) -> bool:
    """Whether `parse_mask_value` can read a text."""
    return re.fullmatch(r"-?\d+(\+\d+)*", text) is not None


def labels_text(labels: Iterable[tuple[MaskValue, str]]) -> str:
    """The labels as a message shows them: 1=lung, 2+3=heart."""
    return ", ".join(f"{mask_value_text(value)}={name}" for value, name in labels)


def check_labels(labels: Labels, ignore: int | None) -> None:
    """Refuse labels that cannot be used to read a mask.

    Raises:
        RequestError: no label is given; two labels have the same name or the same mask value; or a mask value is the
            background, or is the value that is ignored.
    """
    if not all(isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2 for pair in labels):
        raise RequestError(
            f"labels={labels!r} is not a sequence of mask values with names: give pairs, as in "
            "labels=((1, 'lung'), (5, 'heart'))"
        )
    values = [union(value) for value, _ in labels]
    numbers = [number for value in values for number in value]
    if not numbers or not all(values):
        raise RequestError("no label is given, or a label has no mask value: give at least one label, as in 1=lung")
    if len({*values}) < len(values) or len({name for _, name in labels}) < len(values):
        raise RequestError(f"the labels {labels_text(labels)} repeat a mask value or a name: give each once")
    if min(numbers) < 1 or ignore in (0, *numbers):
        raise RequestError(
            f"the labels {labels_text(labels)} and the ignored value {ignore} share a mask value, or have a value that "
            "is not above 0 (0 is the background): give each a mask value of its own"
        )


def boolean_masks(case: Case, labels: Labels, ignore: int | None) -> tuple[Masks | None, Bool[Tensor, "*s"] | None]:
    """The boolean mask of each label (L, *S) in the mask of a stored case, and the mask of the ignored voxels.

    Args:
        case: a stored case. If its mask is None, both results are None.
        labels: the labels in the order of the masks. A single label also fits a mask that holds only 0 and 255.
        ignore: the mask value of the ignored voxels. If it is None, the second result is None.

    Raises:
        RequestError: the mask has a value that belongs to no label.
    """
    mask = case.mask
    if mask is None:
        return None, None
    present = set(mask.unique().tolist()) - {0, ignore}
    ignored = None if ignore is None else mask == ignore
    values = [union(value) for value, _ in labels]
    if present == {255} and len(values) == 1:
        return (mask == 255)[None], ignored
    unnamed = sorted(present.difference(*values))
    if unnamed:
        raise RequestError(
            f"the mask of case {case.entry.id} has the values {', '.join(map(str, unnamed[:5]))}, which are none of "
            f"the labels {labels_text(labels)}: wrap the model with --classes, --labels or --ignore to name them"
        )
    return torch.stack([torch.isin(mask, torch.tensor(value)) for value in values]), ignored
