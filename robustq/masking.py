"""Whether an attack misjudges a model: where another one of the same radius hurts more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from robustq.aggregate import GROUP
from robustq.naming import transferred
from robustq.paired import Interval, paired_difference
from robustq.report.numbers import number, percent

MATTERS = 0.01
"""By how much less Dice a rival must leave. Less than that changes no conclusion."""


class Masked(NamedTuple):
    """An attack that hurt a model less than a rival at the same level, as where gradients are masked.

    Attributes:
        model: that was shown both.
        attack: its own attack, by name.
        rival: what hurt more, as it stands in the rows: that attack transferred, or another one in the same norm.
        level: percent.
        direct: mean Dice under its own attack.
        stronger: mean Dice under the rival.
        low: of the 95 % interval of stronger - direct, paired by group; NaN for a single group.
        high: likewise.
    """

    model: str
    attack: str
    rival: str
    level: float
    direct: float
    stronger: float
    low: float
    high: float


def masked_gradients(means: pd.DataFrame, norms: Mapping[str, str], models: Sequence[str]) -> list[Masked]:
    """Every model, attack and level at which a rival leaves less Dice.

    Less by more than `MATTERS`, and by more than chance: the interval of the difference lies below 0. Of a single group
    there is no interval, and the difference alone decides.

    Args:
        means: what `group_means` gave; without the metric `dice` nothing can be found.
        norms: by the name of each direct attack, what its radius is measured in; "" has no rivals of other names.
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
                stronger, direct = dice[model, rival, level].align(dice[model, attack, level])
                difference = paired_difference(stronger.to_numpy(float), direct.to_numpy(float))
                if _beats(difference):
                    told = (float(direct.mean()), float(stronger.mean()), difference.low, difference.high)
                    found.append(Masked(model, attack, rival, float(level), *told))
    return found


def _rivals(norms: Mapping[str, str], models: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every direct attack with everything that could do more."""
    for attack, norm in norms.items():
        for source in models:
            yield attack, transferred(attack, source)
        for other in norms:
            if other != attack and norm and norms[other] == norm:
                yield attack, other


def _beats(difference: Interval) -> bool:
    return difference.estimate < -MATTERS and not difference.high >= 0


def masking_notes(
    asked: Mapping[str, Any], metrics: Sequence[str], norms: Mapping[str, str], found: Sequence[Masked]
) -> list[str]:
    """What must be said under the figures of attacks.

    Args:
        asked: the entry of that name in `run.json`.
        metrics: of the run.
        norms: as in `masked_gradients`.
        found: what `masked_gradients` gave.
    """
    attacks = asked.get("attacks", {})
    if not attacks:
        return []
    single = [name for name, draws in attacks.items() if draws < asked["draws"]]
    drawn = [name for name, draws in attacks.items() if draws > 1]
    notes = [f"{', '.join(single)}: 1 draw a level, for nothing is random"] if single else []
    if drawn:
        notes.append(f"{', '.join(drawn)}: the mean over random starts; an adversary would keep the worst of them")
    if "dice" not in metrics:
        return [*notes, "masked gradients were not looked for: that takes the metric dice"]
    rivalled = [attack for attack, rival in _rivals(norms, ()) if rival in attacks]
    if asked["transfer_from"] is None and not rivalled:
        return [*notes, "masked gradients were not looked for: that takes a second model, or a second attack"]
    for attack, model in dict.fromkeys((each.attack, each.model) for each in found):
        here = [each for each in found if (each.attack, each.model) == (attack, model)]
        worst = min(here, key=lambda each: each.stronger - each.direct)
        levels = ", ".join(percent(level) for level in sorted({each.level for each in here}))
        notes.append(
            f"gradients of {model} mislead {attack} at {levels}: at {percent(worst.level)} {worst.rival} leaves it a "
            f"Dice of {number(worst.stronger)}, its own {attack} {number(worst.direct)}; they are masked, or {attack} "
            "is too weak, so that its figures there are no evidence of robustness"
        )
    if not found:
        notes.append(
            "no attack hurt more than another one of the same radius, transferred ones included: no sign of masked "
            "gradients, and no proof that a better attack would not do more"
        )
    return notes
