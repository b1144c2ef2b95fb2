"""Training and validation cases, with no patient on both sides."""

from collections.abc import Sequence

import numpy as np

from robustq.dataset import Entry
from robustq.errors import RequestError


def split(entries: Sequence[Entry], *, validation: float = 0.2, seed: int = 0) -> tuple[list[Entry], list[Entry]]:
    """The cases to train on and the cases to choose the epoch by.

    Where any case has a declared split, those of "train" and "val" are taken. Otherwise whole groups are drawn at
    random for the validation until it holds at least its share of the cases.

    Args:
        entries: cases, in any order.
        validation: share of the cases, between 0 and 1.
        seed: of the draw.

    Raises:
        RequestError: one of the sides would be empty, or a declared split puts a group on both.
    """
    entries = sorted(entries, key=lambda entry: entry.id)
    if any(entry.split for entry in entries):
        sides = [[entry for entry in entries if entry.split == side] for side in ("train", "val")]
        torn = {entry.group for entry in sides[0]} & {entry.group for entry in sides[1]}
        if torn:
            raise RequestError(
                f"the declared split has cases of one group in train and in val ({', '.join(sorted(torn)[:3])}): "
                "put each group on one side"
            )
    else:
        sides = _draw(entries, validation, seed)
    if not all(sides):
        empty = "training" if not sides[0] else "validation"
        raise RequestError(
            f"{len(entries)} cases of {len({entry.group for entry in entries})} groups leave none for {empty}: give "
            "more cases, another share, or a split column with train and val"
        )
    return sides[0], sides[1]


def _draw(entries: Sequence[Entry], validation: float, seed: int) -> list[list[Entry]]:
    groups = sorted({entry.group for entry in entries})
    order = np.random.default_rng(seed).permutation(len(groups))
    wanted = validation * len(entries)
    chosen: set[str] = set()
    held = 0
    for place in order:
        if held >= wanted or len(chosen) == len(groups) - 1:
            break
        chosen.add(groups[place])
        held += sum(entry.group == groups[place] for entry in entries)
    return [
        [entry for entry in entries if entry.group not in chosen],
        [entry for entry in entries if entry.group in chosen],
    ]
