"""What is said under the figures of attacks, above all where an attack makes a model look too robust."""

from collections.abc import Mapping, Sequence
from typing import Any

from robustq.report.numbers import count, listed, number, percent
from robustq.statistics.masked_gradients import MATTERS, Masked, rivals

MASKED = "Masked gradients make a model look robust, because its own gradients mislead the attack."
"""Said once, before what the check for them found."""


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
    notes = _draw_notes(attacks, asked["draws"])
    if asked["transfer_from"] is not None:
        notes.insert(
            0,
            "ATTACK (from MODEL): the images that the attack made for that model, shown to another one. Without these "
            "words, each model is shown the images that were made for itself.",
        )
    ended = [model["name"] for model in asked["models"] if model["spec"]["answer"] == "probabilities"]
    if ended:
        notes.append(
            f"The output of {listed(ended)} is probabilities. Where a probability is rounded to 0 or 1, an attack gets "
            "no gradient and does little harm, so a model looks more robust than it is: wrap the network without its "
            "last activation."
        )
    if "dice" not in metrics:
        return [*notes, f"{MASKED} This was not checked: the check needs the metric dice."]
    if asked["transfer_from"] is None and not any(True for _ in rivals(norms, ())):
        return [
            *notes,
            f"{MASKED} This was not checked: the check needs a second model, or a second attack whose strength is "
            "measured in the same way.",
        ]
    if not found:
        return [
            *notes,
            f"{MASKED} No sign of this was found: at the same level, no other attack that may change the image as much "
            f"or less, made for this model or for another, lowers Dice by more than {MATTERS:g} below the model's own "
            "attack. This is no proof that a better attack would not do more harm.",
        ]
    sentences = []
    for attack, model in dict.fromkeys((each.attack, each.model) for each in found):
        here = [each for each in found if (each.attack, each.model) == (attack, model)]
        sentences.append(_sentence(model, attack, [each for each in here if each.certain] or here))
    return [*notes, MASKED, *sentences]


def _draw_notes(attacks: Mapping[str, int], asked: int) -> list[str]:
    """How many draws an attack has, where that needs a word."""
    single = [name for name, draws in attacks.items() if draws < asked]
    drawn = [name for name, draws in attacks.items() if draws > 1]
    notes = []
    if single:
        has = "has no random part, so it has" if len(single) == 1 else "have no random part, so they have"
        notes.append(f"{listed(single)} {has} 1 draw a level.")
    if drawn:
        begins = "begins" if len(drawn) == 1 else "begin"
        notes.append(
            f"{listed(drawn)} {begins} at a random point: the figures are means over these starts. An adversary would "
            "keep the worst start, and leave a lower Dice than this mean."
        )
    return notes


def _sentence(model: str, attack: str, found: Sequence[Masked]) -> str:
    """What is said of an attack on a model, given the levels at which another did more harm: certain ones, or all."""
    worst = min(found, key=lambda each: each.stronger - each.direct)
    levels = listed([percent(level) for level in sorted({each.level for each in found})])
    makes = "makes" if worst.certain else "may make"
    what = (
        f"{attack} {makes} {model} look more robust than it is at {levels}: {worst.rival} may change the image no more "
        f"and does more harm (at {percent(worst.level)}, Dice over all cases {number(worst.stronger)} instead of "
        f"{number(worst.direct)})."
    )
    if worst.certain:
        return (
            f"{what} The gradients of {model} are masked, or {attack} is too weak: figures under {attack} are no "
            "evidence of robustness there."
        )
    return f"{what} With {count(worst.groups, 'group')} this can be chance too."
