"""Whether gradients are masked: where a transferred attack hurts more than the direct one."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import pandas as pd

from robustq.naming import transferred
from robustq.report.numbers import number, percent

ROUNDING = 1e-3
"""By how much less Dice a transferred attack must leave: one unit of the last decimal that tables show."""


class Masked(NamedTuple):
    """A transferred attack that hurt more than the direct one at the same level.

    Attributes:
        model: that was shown both.
        attack: its name.
        source: whose attack was transferred.
        level: percent.
        direct: mean Dice under the direct attack.
        transfer: mean Dice under the transferred one.
    """

    model: str
    attack: str
    source: str
    level: float
    direct: float
    transfer: float


def masked_gradients(means: pd.DataFrame, attacks: Iterable[str], models: Sequence[str]) -> list[Masked]:
    """Every attack, model and level at which a transferred attack leaves less Dice than the direct one.

    Args:
        means: what `summarise` gave; without the metric `dice` nothing can be found.
        attacks: names of the direct ones.
        models: names.
    """
    dice = means[means["metric"] == "dice"].set_index(["model", "perturbation", "level"])["mean"]
    found = []
    for attack, model, source in product(attacks, models, models):
        levels = [level for one, name, level in dice.index if (one, name) == (model, transferred(attack, source))]
        for level in levels:
            direct, transfer = dice[model, attack, level], dice[model, transferred(attack, source), level]
            if transfer < direct - ROUNDING:
                found.append(Masked(model, attack, source, float(level), float(direct), float(transfer)))
    return found


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
    notes = [f"{', '.join(single)}: 1 draw a level, for nothing is random"] if single else []
    if asked["transfer_from"] is None:
        return [
            *notes,
            "masked gradients were not looked for: that takes an attack from a second model",
        ]
    if "dice" not in metrics:
        return [*notes, "masked gradients were not looked for: that takes the metric dice"]
    for attack, model in dict.fromkeys((each.attack, each.model) for each in found):
        worst = min(
            (each for each in found if (each.attack, each.model) == (attack, model)),
            key=lambda each: each.transfer - each.direct,
        )
        notes.append(
            f"gradients of {model} are masked: at {percent(worst.level)} {attack} from {worst.source} leaves it a Dice "
            f"of {number(worst.transfer)} and the direct attack {number(worst.direct)}, so its figures under {attack} "
            "are no evidence of robustness"
        )
    if not found:
        notes.append("no transferred attack hurt more than the direct one: no sign of masked gradients, and no proof")
    return notes
