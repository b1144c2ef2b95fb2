"""Whether an attack misjudges a model: where one that is allowed no more hurts more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from robustq.request.names import transferred
from robustq.statistics.group_means import GROUP
from robustq.statistics.paired_tests import paired_difference

MATTERS = 0.005
"""By how much less Dice a rival must leave: half a point changes no conclusion, and no attack is that exact."""


WITHIN = {"epsilon": ("epsilon",), "rms": ("rms", "epsilon")}
"""By what a radius is measured in, the measures of balls inside: the L-inf ball of a level lies in its L2 ball."""


class Masked(NamedTuple):
    """An attack that hurt a model less than a rival at the same level, as where gradients are masked.

    Attributes:
        model: that was shown both.
        attack: its own attack, by name.
        rival: what hurt more, as it stands in the rows: an attack that is allowed no more, its own or transferred.
        level: percent, above 0.
        groups: that have Dice under both.
        direct: mean Dice under its own attack.
        stronger: mean Dice under the rival.
        low: of the 95 % interval of stronger - direct, paired by group; NaN for a single group.
        high: likewise.
    """

    model: str
    attack: str
    rival: str
    level: float
    groups: int
    direct: float
    stronger: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """By more than chance: the interval lies below 0. Of a single group there is none, and the means decide."""
        return not self.high >= 0


def suspects(means: pd.DataFrame, norms: Mapping[str, str], models: Sequence[str]) -> list[Masked]:
    """Every model, attack and level at which a rival leaves less Dice by more than `MATTERS`, be it by chance.

    Args:
        means: what `group_means` gave; without the metric `dice` nothing can be found.
        norms: by the name of each direct attack, what its radius is measured in; "" is compared with itself alone.
        models: names.
    """
    dice = means[means["metric"] == "dice"].set_index(["model", "perturbation", "level", *GROUP])["value"].sort_index()
    known = set(zip(dice.index.get_level_values(0), dice.index.get_level_values(1), strict=True))
    found = []
    for model in models:
        for attack, rival in rivals(norms, models):
            if not {(model, attack), (model, rival)} <= known:
                continue
            for level in dice[model, rival].index.unique("level"):
                if level == 0:
                    continue
                stronger, direct = dice[model, rival, level].align(dice[model, attack, level])
                if (stronger - direct).mean() < -MATTERS:
                    gap = paired_difference(stronger.to_numpy(float), direct.to_numpy(float))
                    told = (gap.groups, float(direct.mean()), float(stronger.mean()), gap.low, gap.high)
                    found.append(Masked(model, attack, rival, float(level), *told))
    return found


def rivals(norms: Mapping[str, str], models: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every direct attack with everything that is allowed no more than it."""
    for attack, norm in norms.items():
        for other in norms:
            if other == attack or norms[other] in WITHIN.get(norm, ()):
                yield from ((attack, transferred(other, source)) for source in models)
                if other != attack:
                    yield attack, other
