"""Looks for masked gradients: a model's own attack does less harm than another that may change the image no more."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from robustq.request.names import transferred
from robustq.statistics.group_means import GROUP
from robustq.statistics.paired_tests import paired_difference

MATTERS = 0.005
"""Smallest loss of Dice that counts: half a point changes no conclusion, and no attack is that exact."""

WITHIN = {"epsilon": ("epsilon",), "rms": ("rms", "epsilon")}
"""For the measure of an attack's radius, the measures of rivals that may change the image no more.

At equal level, the L-inf ball (`epsilon`) lies inside the L2 ball (`rms`).
"""


class Masked(NamedTuple):
    """An attack that did a model less harm than a rival at the same level, as happens with masked gradients.

    Attributes:
        model: name of the model that was shown both attacks.
        attack: name of the model's own attack.
        rival: name, as in the rows, of the attack that did more harm. It may change the image no more than `attack`,
            and was made for the model itself or transferred.
        level: percent, above 0.
        groups: number of groups that have Dice under both attacks.
        direct: mean Dice under the model's own attack.
        stronger: mean Dice under the rival.
        low: lower end of the 95 % interval of stronger - direct, paired by group; NaN for a single group.
        high: upper end of this interval; NaN for a single group.
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
        """Whether this is more than chance: the interval lies below 0. A single group has none: its Dice decides."""
        return not self.high >= 0


def suspects(
    means: pd.DataFrame, norms: Mapping[str, str], models: Sequence[str], gradient_free: Collection[str] = ()
) -> list[Masked]:
    """Every model, attack and level at which Dice under a rival is lower by more than `MATTERS`, even if by chance.

    Args:
        means: what `group_means` gave; without the metric `dice` the result is empty.
        norms: for the name of each direct attack, the measure of its radius; if this is "", the only rivals are its own
            transfers.
        models: names of the models.
        gradient_free: the attacks that follow no gradient. They are rivals alone: if one does less harm than another
            attack, no gradient is to blame.
    """
    means = means[(means["metric"] == "dice") & (means["unanswered"] == 0)]
    dice = means.set_index(["model", "perturbation", "level", *GROUP])["value"].sort_index()
    evaluated = set(zip(dice.index.get_level_values(0), dice.index.get_level_values(1), strict=True))
    masked = []
    for model in models:
        for attack, rival in rivals(norms, models, gradient_free):
            if not {(model, attack), (model, rival)} <= evaluated:
                continue
            for level in dice[model, rival].index.unique("level"):
                if level == 0 or level not in dice[model, attack].index.unique("level"):
                    continue
                stronger, direct = dice[model, rival, level].align(dice[model, attack, level])
                if (stronger - direct).mean() < -MATTERS:
                    gap = paired_difference(stronger.to_numpy(float), direct.to_numpy(float))
                    figures = (gap.groups, float(direct.mean()), float(stronger.mean()), gap.low, gap.high)
                    masked.append(Masked(model, attack, rival, float(level), *figures))
    return masked


def overruled(masked: Sequence[Masked], norms: Mapping[str, str], gradient_free: Collection[str]) -> list[Masked]:
    """Those that show a rival without gradients to beat, beyond chance, every attack on the model that follows one.

    Args:
        masked: what `suspects` gave.
        norms: as in `suspects`.
        gradient_free: as in `suspects`.
    """
    beaten = [suspect for suspect in masked if suspect.rival in gradient_free and suspect.certain]

    losers: dict[tuple[str, str, float], set[str]] = {}
    for suspect in beaten:
        losers.setdefault((suspect.model, suspect.rival, suspect.level), set()).add(suspect.attack)

    def beats_all(suspect: Masked) -> bool:
        comparable = {attack for attack, rival in rivals(norms, (), gradient_free) if rival == suspect.rival}
        return losers[suspect.model, suspect.rival, suspect.level] == comparable

    return [suspect for suspect in beaten if beats_all(suspect)]


def rivals(
    norms: Mapping[str, str], models: Sequence[str], gradient_free: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Pairs of a direct attack and a rival: an attack, direct or transferred, that may change the image no more.

    Args:
        norms: as in `suspects`.
        models: as in `suspects`.
        gradient_free: as in `suspects`.
    """
    for attack, norm in norms.items():
        if attack in gradient_free:
            continue
        for rival in norms:
            if rival == attack or norms[rival] in WITHIN.get(norm, ()):
                yield from ((attack, transferred(rival, source)) for source in models)
                if rival != attack:
                    yield attack, rival
