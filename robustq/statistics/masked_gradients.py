"""Whether an attack misjudges a model: where one that is allowed no more hurts more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from robustq.report.numbers import count, number, percent
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
        for attack, rival in _rivals(norms, models):
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


def _rivals(norms: Mapping[str, str], models: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every direct attack with everything that is allowed no more than it."""
    for attack, norm in norms.items():
        for other in norms:
            if other == attack or norms[other] in WITHIN.get(norm, ()):
                yield from ((attack, transferred(other, source)) for source in models)
                if other != attack:
                    yield attack, other


def masking_notes(
    asked: Mapping[str, Any], metrics: Sequence[str], norms: Mapping[str, str], found: Sequence[Masked]
) -> list[str]:
    """What must be said under the figures of attacks.

    Args:
        asked: the entry of that name in `run.json`.
        metrics: of the run.
        norms: as in `suspects`.
        found: what `suspects` gave.
    """
    attacks = asked.get("attacks", {})
    if not attacks:
        return []
    single = [name for name, draws in attacks.items() if draws < asked["draws"]]
    drawn = [name for name, draws in attacks.items() if draws > 1]
    notes = [f"{', '.join(single)}: 1 draw a level, for nothing is random"] if single else []
    if drawn:
        notes.append(f"{', '.join(drawn)}: the mean over random starts; an adversary would keep the worst of them")
    ended = [model["name"] for model in asked["models"] if model["spec"]["answer"] == "probabilities"]
    if ended:
        notes.append(
            f"probabilities are the output of {', '.join(ended)}: where they round to 0 or 1 an attack has no "
            "gradient, and its figures flatter; wrap without the last activation"
        )
    if "dice" not in metrics:
        return [*notes, "masked gradients were not looked for: that takes the metric dice"]
    rivalled = any(True for _ in _rivals(norms, ()))
    if asked["transfer_from"] is None and not rivalled:
        return [*notes, "masked gradients were not looked for: that takes a second model, or attack in the same norm"]
    for attack, model in dict.fromkeys((each.attack, each.model) for each in found):
        here = [each for each in found if (each.attack, each.model) == (attack, model)]
        notes.append(_sentence(model, attack, [each for each in here if each.certain] or here))
    if not found:
        notes.append(
            f"no attack was outdone by more than {MATTERS:g} Dice by one that is allowed no more, transferred ones "
            "included: no sign of masked gradients, and no proof that a better attack would not do more"
        )
    return notes


def _sentence(model: str, attack: str, found: Sequence[Masked]) -> str:
    """What is said of an attack on a model, given the levels at which it was outdone: certain ones, or others."""
    worst = min(found, key=lambda each: each.stronger - each.direct)
    left = (
        f"at {percent(worst.level)} {worst.rival} leaves it a Dice of {number(worst.stronger)}, its own {attack} "
        f"{number(worst.direct)}"
    )
    levels = ", ".join(percent(level) for level in sorted({each.level for each in found}))
    if worst.certain:
        return (
            f"gradients of {model} mislead {attack} at {levels}: {left}; they are masked, or {attack} is too weak, so "
            "that its figures there are no evidence of robustness"
        )
    return (
        f"gradients of {model} may mislead {attack} at {levels}: {left}; with {count(worst.groups, 'group')} that may "
        "be chance too"
    )
