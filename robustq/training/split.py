"""Split cases into training and validation, with no patient on both sides."""

from collections.abc import Sequence

import numpy as np

from robustq.dataset import Entry
from robustq.errors import RequestError


def split(entries: Sequence[Entry], *, validation: float = 0.2, seed: int = 0) -> tuple[list[Entry], list[Entry]]:
    """The cases to train on and the cases to choose the epoch by.

    Cases declared "train" or "val" go to that side. Where no case is declared "val", whole groups are drawn at random
    for the validation, until it holds at least its share or one group is left to train on. They are drawn from the
    cases declared "train", or from the undeclared cases where there are none. Cases declared "test" are on neither
    side.

    Args:
        entries: the cases, in any order.
        validation: share of the cases, above 0 and below 1.
        seed: seed of the draw, 0 or more.

    Raises:
        RequestError: one of the sides would be empty, the declared split has a group on two sides, or the share or the
            seed cannot be used.
    """
    if not 0 < validation < 1 or seed < 0:
        raise RequestError(
            f"validation={validation:g} with seed={seed} makes no split: give a share above 0 and below 1, and a seed "
            "of 0 or more"
        )
    entries = sorted(entries, key=lambda entry: entry.id)
    declared = {side: [entry for entry in entries if entry.split == side] for side in ("train", "val", "test", "")}
    training = declared["train"] if declared["train"] or declared["val"] else declared[""]
    _check_groups({"train": training, "val": declared["val"], "test": declared["test"]})
    sides = (training, declared["val"]) if declared["val"] else _draw(training, validation, seed)
    if not all(sides):
        empty = "validation" if sides[0] else "training"
        raise RequestError(
            f"{len(entries)} cases of {len({entry.group for entry in entries})} groups leave none for {empty}: give "
            "more cases, or a split column with train and val"
        )
    return sides


def _check_groups(sides: dict[str, list[Entry]]) -> None:
    side_of_group: dict[str, str] = {}
    for side, entries in sides.items():
        for entry in entries:
            first_side = side_of_group.setdefault(entry.group, side)
            if first_side != side:
                raise RequestError(
                    f"the declared split has cases of the group {entry.group!r} in {first_side} and in {side}: put "
                    "each group on one side"
                )


def _draw(entries: list[Entry], validation: float, seed: int) -> tuple[list[Entry], list[Entry]]:
    groups = sorted({entry.group for entry in entries})
    chosen: set[str] = set()
    held_out = 0
    for place in np.random.default_rng(seed).permutation(len(groups)):
        if held_out >= validation * len(entries) or len(chosen) == len(groups) - 1:
            break
        chosen.add(groups[place])
        held_out += sum(entry.group == groups[place] for entry in entries)
    return (
        [entry for entry in entries if entry.group not in chosen],
        [entry for entry in entries if entry.group in chosen],
    )
