"""The training cases of each epoch, in batches: their order, their slices and their augmentation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from robustq.data.prepared_cases import PreparedCases
from robustq.data.slices import to_slices
from robustq.dataset import Case, Entry
from robustq.draws.seeds import draw_generator
from robustq.errors import RequestError
from robustq.shapes import BatchMasks, Images
from robustq.training.augment import augment
from robustq.training.noise_augmentation import NoiseAugmentation
from robustq.training.patches import patch_of
from robustq.training.processes import ALONE, Processes


class Item(NamedTuple):
    """One image of a batch: a whole case, or one slice of a volume.

    Attributes:
        entry: entry of the case.
        place: number of the slice, for a 2D model that is trained on volumes; None for a whole case.
    """

    entry: Entry
    place: int | None


class Batch(NamedTuple):
    """The input of one training step, on the CPU.

    Attributes:
        images: images of the items, (B, C, *S).
        truth: masks of each label, (B, L, *S).
        ignored: voxels that the loss leaves out, (B, *S).
    """

    images: Images
    truth: BatchMasks
    ignored: Bool[Tensor, "b *s"]


@dataclass(frozen=True)
class Batches:
    """Gives the batches of any epoch: always the same ones for an epoch, whatever was asked for before.

    Attributes:
        cases: prepared cases; each has a mask.
        items: the items of an epoch; each is shown once.
        size: number of items in a batch. The last batch of an epoch may have fewer.
        lone_joined: whether a last batch of a single item is joined to the batch before it.
        processes: the processes that share each batch.
        seed: seed of the training. The order of the items and the augmentation follow from it and the epoch's number.
        augmented: whether cases are turned, scaled and shifted at random.
        noise: what perturbs some of the cases after that; None for nothing.
    """

    cases: PreparedCases
    items: Sequence[Item]
    size: int
    seed: int
    augmented: bool
    lone_joined: bool = False
    processes: Processes = ALONE
    noise: NoiseAugmentation | None = None

    @property
    def end_alone(self) -> bool:
        """Whether the last batch of an epoch has a single item."""
        return len(self.items) % self.size == 1 or self.size == 1

    def __len__(self) -> int:
        return math.ceil(len(self.items) / self.size) - (self.end_alone and self.lone_joined)

    @property
    def lengths(self) -> list[int]:
        """The number of items in each batch of an epoch."""
        before_last = (len(self) - 1) * self.size
        return [self.size] * (len(self) - 1) + [len(self.items) - before_last]

    def of_epoch(self, epoch: int) -> Iterator[Batch]:
        """All batches of an epoch, of each one the share of this process; each epoch has its own order of the items.

        Raises:
            RequestError: the cases of a batch have different shapes.
        """
        order = torch.randperm(len(self.items), generator=draw_generator(self.seed, "", "order", epoch)).tolist()
        start = 0
        for length in self.lengths:
            numbers = order[start : start + length][self.processes.share(length)]
            yield _stack([self.draw(self.items[number], epoch) for number in numbers], self.processes)
            start += length

    def draw(self, item: Item, epoch: int) -> Case:
        """The case of an item, or a patch of it, as it is shown in an epoch."""
        case = self.cases(item.entry)
        if item.place is not None:
            case = slice_of(case, item.place)
        patch = self.cases.preparation.patch
        if patch is not None:
            case = patch_of(case, patch, seed=self.seed, epoch=epoch, augmented=self.augmented)
        elif self.augmented:
            case = augment(case, seed=self.seed, epoch=epoch)
        return case if self.noise is None else self.noise(case, seed=self.seed, epoch=epoch)


def items_of(cases: PreparedCases, entries: Sequence[Entry]) -> list[Item]:
    """The items that cases give: each whole case, or each of its slices where a 2D model reads volumes."""
    items: list[Item] = []
    for entry in entries:
        case = cases(entry)
        places = [None] if case.slice_axis is None else range(case.image.shape[case.slice_axis + 1])
        items += [Item(entry, place) for place in places]
    return items


def slice_of(case: Case, place: int) -> Case:
    """One slice of a volume, as a 2D case with its own name."""
    axis = case.slice_axis
    assert axis is not None, "only volumes are sliced"
    return Case(
        image=to_slices(case.image, axis)[place],
        mask=None if case.mask is None else to_slices(case.mask, axis)[place],
        intensity_range=case.intensity_range,
        spacing=tuple(extent for number, extent in enumerate(case.spacing) if number != axis),
        unit=case.unit,
        entry=Entry(f"{case.entry.id}#{place}", case.entry.group, case.entry.domain, case.entry.split),
        labels=case.labels,
        ignored=None if case.ignored is None else case.ignored.select(axis, place),
    )


def _stack(cases: Sequence[Case], processes: Processes) -> Batch:
    shapes = sorted({*processes.of_all([tuple(case.image.shape[1:]) for case in cases])})
    if len(shapes) > 1:
        raise RequestError(
            f"cases of one batch have different shapes, such as {shapes[0]} and {shapes[-1]}: give --size or "
            "--crop to robustq wrap, or --patch to train on patches, or train with --batch-size 1"
        )
    none_ignored = torch.zeros(shapes[0], dtype=torch.bool)
    return Batch(
        torch.stack([case.image for case in cases]),
        torch.stack([case.truth for case in cases]),
        torch.stack([none_ignored if case.ignored is None else case.ignored for case in cases]),
    )
