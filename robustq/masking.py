"""Whether gradients are masked: where a transferred attack hurts more than the direct one."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import pandas as pd

from robustq.aggregate import GROUP
from robustq.naming import transferred
from robustq.paired import Interval, paired_difference
from robustq.report.numbers import number, percent

MATTERS = 0.01
"""By how much less Dice a transferred attack must leave. Less than that changes no conclusion."""


class Masked(NamedTuple):
    """A transferred attack that hurt more than the direct one at the same level.

    Attributes:
        model: that was shown both.
        attack: its name.
        source: whose attack was transferred.
        level: percent.
        direct: mean Dice under the direct attack.
        transfer: mean Dice under the transferred one.
        low: of the 95 % interval of transfer - direct, paired by group; NaN for a single group.
        high: likewise.
    """

    model: str
    attack: str
    source: str
    level: float
    direct: float
    transfer: float
    low: float
    high: float


def masked_gradients(means: pd.DataFrame, attacks: Iterable[str], models: Sequence[str]) -> list[Masked]:
    """Every attack, model and level at which a transferred attack leaves less Dice than the direct one.

    Less by more than `MATTERS`, and by more than chance: the interval of the difference lies below 0. Of a single group
    there is no interval, and the difference alone decides.

    Args:
        means: what `group_means` gave; without the metric `dice` nothing can be found.
        attacks: names of the direct ones.
        models: names.
    """
    dice = means[means["metric"] == "dice"].set_index(["model", "perturbation", "level", *GROUP])["value"].sort_index()
    known = set(zip(dice.index.get_level_values(0), dice.index.get_level_values(1), strict=True))
    found = []
    for attack, model, source in product(attacks, models, models):
        name = transferred(attack, source)
        if (model, name) not in known:
            continue
        for level in dice[model, name].index.unique("level"):
            transfer, direct = dice[model, name, level].align(dice[model, attack, level])
            difference = paired_difference(transfer.to_numpy(float), direct.to_numpy(float))
            if _beats(difference):
                told = (float(direct.mean()), float(transfer.mean()), difference.low, difference.high)
                found.append(Masked(model, attack, source, float(level), *told))
    return found


def _beats(difference: Interval) -> bool:
    return difference.estimate < -MATTERS and not difference.high >= 0


def masking_notes(asked: Mapping[str, Any], metrics: Sequence[str], found: Sequence[Masked]) -> list[str]:
    """What must be said under the figures of attacks.

    Args:
        asked: the entry of that name in `run.json`.
        metrics: of the run.
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
    if asked["transfer_from"] is None:
        return [*notes, "masked gradients were not looked for: that takes an attack from a second model"]
    if "dice" not in metrics:
        return [*notes, "masked gradients were not looked for: that takes the metric dice"]
    for attack, model in dict.fromkeys((each.attack, each.model) for each in found):
        here = [each for each in found if (each.attack, each.model) == (attack, model)]
        worst = min(here, key=lambda each: each.transfer - each.direct)
        levels = ", ".join(percent(level) for level in sorted({each.level for each in here}))
        notes.append(
            f"gradients of {model} mislead {attack} at {levels}: at {percent(worst.level)} {attack} from "
            f"{worst.source} leaves it a Dice of {number(worst.transfer)}, its own {attack} {number(worst.direct)}; "
            f"they are masked, or {attack} is too weak, so that its figures there are no evidence of robustness"
        )
    if not found:
        notes.append(
            f"no attack transferred from or to {asked['transfer_from']} hurt more than the direct one: no sign of "
            "masked gradients, and no proof that a better attack would not do more"
        )
    return notes
