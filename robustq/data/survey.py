"""Looks through all cases of a dataset and says what they are, and what is odd about them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from robustq.data.case_names import first_names
from robustq.data.narrow_values import values_are_narrow
from robustq.dataset import AbstractDataset, Case, own_range
from robustq.errors import CaseError
from robustq.shapes import by


@dataclass
class LabelCount:
    """How often a mask value occurs."""

    name: str = ""
    cases: int = 0
    voxels: int = 0


@dataclass
class Survey:
    """What the cases of a dataset are. Texts such as shapes are counted: text -> number of cases.

    Attributes:
        dataset: name of the dataset.
        cases: number of cases that the dataset lists.
        groups: number of groups (patients) among them.
        domains: domains; "" where none is known.
        splits: declared splits; "" where none is declared.
        shapes: shapes without channels.
        channels: numbers of channels.
        spacings: spacings with their unit.
        orientations: stated orientations; "" where none is stated.
        intensities: smallest and largest value of each channel number over all cases.
        labels: mask value -> how often it occurs; the background is left out.
        voxels: number of voxels of all masks.
        left_out: case id -> why the case cannot be used.
        odd: sentences on what deserves a look before a training.
    """

    dataset: str
    cases: int
    groups: int
    domains: dict[str, int]
    splits: dict[str, int]
    shapes: dict[str, int] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    spacings: dict[str, int] = field(default_factory=dict)
    orientations: dict[str, int] = field(default_factory=dict)
    intensities: list[tuple[float, float]] = field(default_factory=list)
    labels: dict[int, LabelCount] = field(default_factory=dict)
    voxels: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)


def survey(dataset: AbstractDataset, on_case: Callable[[int, int], object] = lambda done, total: None) -> Survey:
    """Read every case of a dataset once, and count.

    Args:
        dataset: the dataset.
        on_case: called after each case with the number of cases done and of all cases.
    """
    entries = dataset.entries
    result = Survey(
        dataset.name,
        len(entries),
        len({entry.group for entry in entries}),
        dict(Counter(entry.domain for entry in entries)),
        dict(Counter(entry.split for entry in entries)),
    )
    odd_cases = _OddCases()
    for number, entry in enumerate(entries, start=1):
        try:
            case = dataset.read(entry)
            _count(result, case)
            odd_cases.add(case, dataset.fingerprint(entry))
        except CaseError as error:
            result.left_out[entry.id] = str(error)
        on_case(number, len(entries))
    for value, name in (dataset.labels or {}).items():
        result.labels.setdefault(value, LabelCount()).name = name
    result.odd += _differences(result)
    result.odd += _label_oddities(result, dataset.labels, dataset.ignore)
    result.odd += odd_cases.sentences()
    result.odd += dataset.remarks
    return result


@dataclass
class _OddCases:
    """The ids of cases that deserve a look.

    Attributes:
        empty: cases whose mask is empty.
        without_mask: cases without a mask.
        far: cases with values far from all others.
        same_image: fingerprint of an image -> the cases that hold it.
    """

    empty: list[str] = field(default_factory=list)
    without_mask: list[str] = field(default_factory=list)
    far: list[str] = field(default_factory=list)
    same_image: dict[str, list[str]] = field(default_factory=dict)

    def add(self, case: Case, fingerprint: str) -> None:
        """Look at a case."""
        if values_are_narrow(case):
            self.far.append(case.entry.id)
        self.same_image.setdefault(fingerprint, []).append(case.entry.id)
        if case.mask is None:
            self.without_mask.append(case.entry.id)
        elif not case.mask.any():
            self.empty.append(case.entry.id)

    def sentences(self) -> list[str]:
        """What is odd, one sentence for each kind."""
        sentences = []
        if self.empty:
            sentences.append(f"{len(self.empty)} masks are empty: {first_names(self.empty)}")
        if self.without_mask:
            names = first_names(self.without_mask)
            sentences.append(f"{len(self.without_mask)} cases have no mask and cannot be scored: {names}")
        if self.far:
            sentences.append(
                f"{len(self.far)} cases have values far from all others, so a level, which refers to the whole "
                f"range, is large beside the image: {first_names(self.far)}; give robustq wrap --normalise percentile, "
                "or declare a window"
            )
        repeated = [ids for ids in self.same_image.values() if len(ids) > 1]
        return [*sentences, *(f"the same image stands in several cases: {first_names(ids)}" for ids in repeated)]


def _count(result: Survey, case: Case) -> None:
    """Add a case to the counts."""
    ranges = own_range(case.image).tolist()  # before anything is counted, because it may fail
    for counts, text in (
        (result.shapes, by(case.image.shape[1:])),
        (result.channels, str(len(case.image))),
        (result.spacings, f"{by(case.spacing)} {case.unit}"),
        (result.orientations, case.orientation),
    ):
        counts[text] = counts.get(text, 0) + 1
    for channel, (low, high) in enumerate(ranges):
        if channel == len(result.intensities):
            result.intensities.append((low, high))
        before = result.intensities[channel]
        result.intensities[channel] = (min(low, before[0]), max(high, before[1]))
    if case.mask is None:
        return
    result.voxels += case.mask.numel()
    for value, count in zip(*(part.tolist() for part in torch.unique(case.mask, return_counts=True)), strict=True):
        if value != 0:
            label = result.labels.setdefault(value, LabelCount())
            label.cases += 1
            label.voxels += count


def _differences(result: Survey) -> list[str]:
    """Sentences on what should be equal in all cases and is not."""
    sentences = []
    if len(result.channels) > 1:
        counts = ", ".join(f"{cases} with {channels}" for channels, cases in sorted(result.channels.items()))
        sentences.append(f"numbers of channels differ: cases {counts}")
    if len(result.spacings) > 1:
        sentences.append(
            f"spacings differ ({len(result.spacings)} of them): robustq wrap --spacing resamples all cases to one"
        )
    unstated = result.orientations.get("", 0)
    if unstated and len(result.orientations) > 1:
        sentences.append(f"{unstated} cases state no orientation, the others do")
    stated = sorted(set(result.orientations) - {""})
    if len(stated) > 1:
        sentences.append(
            f"arrays are stored in {len(stated)} orientations ({', '.join(stated)}): a model sees them all"
        )
    return sentences


def _label_oddities(result: Survey, declared: Mapping[int, str] | None, ignore: int | None) -> list[str]:
    """Sentences on gaps between mask values, and on values that are declared and absent, or present and undeclared."""
    present = sorted(value for value, label in result.labels.items() if label.cases and value != ignore)
    sentences = []
    if declared is not None:
        absent = [f"{value} ({name})" for value, name in declared.items() if value not in present]
        undeclared = [str(value) for value in present if value not in declared]
        if absent:
            sentences.append(f"declared labels are in no mask: {', '.join(absent)}")
        if undeclared:
            sentences.append(f"mask values are not declared as labels: {', '.join(undeclared)}")
    elif present not in ([], [255]):
        gaps = sorted(set(range(1, min(present[-1], 255))) - set(present))
        if gaps:
            sentences.append(
                f"mask values have gaps ({first_names([*map(str, gaps)])} do not occur): name the values with "
                "robustq wrap --labels"
            )
        if present[0] < 0:
            sentences.append(f"mask values are below 0: {present[0]}; name one with --ignore, or mend the masks")
    return sentences
