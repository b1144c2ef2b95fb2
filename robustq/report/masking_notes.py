"""Notes under the figures of attacks; they warn where an attack makes a model look too robust."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from robustq.report.numbers import count, listed, number, percent
from robustq.request.draws import Draws
from robustq.statistics.masked_gradients import MATTERS, Masked, overruled, rivals

MASKED = "Masked gradients make a model look robust, because its own gradients mislead the attack."
"""Printed once, before the result of the check for masked gradients."""


def masking_notes(
    asked: Mapping[str, Any],
    metrics: Sequence[str],
    norms: Mapping[str, str],
    suspects: Sequence[Masked],
    gradient_free: Collection[str] = (),
) -> list[str]:
    """The notes under the figures of attacks.

    Args:
        asked: the entry `asked` of `run.json`.
        metrics: metrics of the run.
        norms: as in `suspects`.
        suspects: what `suspects` gave.
        gradient_free: as in `suspects`.
    """
    attacks = asked.get("attacks", {})
    if not attacks:
        return []
    notes = [*_transfer_notes(asked), *_draw_notes(attacks, asked["draws"]), *_probability_notes(asked)]
    unchecked = _why_unchecked(asked, metrics, norms, gradient_free)
    if unchecked is not None:
        return [*notes, f"{MASKED} This was not checked: {unchecked}."]
    if not suspects:
        return [*notes, f"{MASKED} {_no_sign(gradient_free)}"]
    return [*notes, MASKED, *_sentences(suspects, norms, gradient_free)]


def _transfer_notes(asked: Mapping[str, Any]) -> list[str]:
    """A note on how transferred attacks are named."""
    if asked["transfer_from"] is None:
        return []
    return [
        "ATTACK (from MODEL): the attack made its images for that model, and they are shown to another model. "
        "Without these words, each model is shown the images that were made for itself."
    ]


def _probability_notes(asked: Mapping[str, Any]) -> list[str]:
    """A note on the models whose outputs are probabilities, which can hide the gradient."""
    ended = [model["name"] for model in asked["models"] if model["spec"]["answer"] == "probabilities"]
    if not ended:
        return []
    return [
        f"The output of {listed(ended)} is probabilities. Where a probability is rounded to 0 or 1, an attack gets "
        "no gradient and does little harm, so a model looks more robust than it is: wrap the network without its "
        "last activation."
    ]


def _why_unchecked(
    asked: Mapping[str, Any], metrics: Sequence[str], norms: Mapping[str, str], gradient_free: Collection[str]
) -> str | None:
    """Why nothing was looked for; None where the run has what the check needs."""
    if "dice" not in metrics:
        return "the check needs the metric dice"
    if asked["transfer_from"] is None and not any(True for _ in rivals(norms, (), gradient_free)):
        return "the check needs a second model, or a second attack whose strength is measured in the same way"
    return None


def _no_sign(gradient_free: Collection[str]) -> str:
    """What the check says where it found nothing."""
    untried = "" if gradient_free else " An attack that follows no gradient was not tried: square is one."
    return (
        "No sign of this was found: at the same level, over the cases of all domains together, no other "
        "attack that may change the image as much or less, made for this model or for another, leaves a Dice more "
        f"than {MATTERS:g} below the Dice under the model's own attack. This is no proof: a better attack could "
        f"still do more harm.{untried}"
    )


def _sentences(suspects: Sequence[Masked], norms: Mapping[str, str], gradient_free: Collection[str]) -> list[str]:
    """One sentence for each model whose gradients are masked, then one for each attack that is too weak."""
    beaten = overruled(suspects, norms, gradient_free)
    sentences = [
        _overruled_sentence(model, [suspect for suspect in beaten if suspect.model == model])
        for model in dict.fromkeys(suspect.model for suspect in beaten)
    ]
    for attack, model in dict.fromkeys((suspect.attack, suspect.model) for suspect in suspects):
        levels = [suspect for suspect in suspects if (suspect.attack, suspect.model) == (attack, model)]
        sentences.append(_sentence(model, attack, [suspect for suspect in levels if suspect.certain] or levels))
    return sentences


def _draw_notes(attacks: Mapping[str, Draws], asked: Draws) -> list[str]:
    """Notes on the number of draws of an attack and on what they are."""
    single = [name for name, draws in attacks.items() if draws == 1 != asked]
    drawn = [name for name, draws in attacks.items() if draws != 1]
    notes = []
    if single and not drawn:
        notes.append(
            f"{listed(single)}: 1 draw per level. An attack has more only if it begins at a random point and --draws "
            "asks for more."
        )
    elif single:
        has = "has no random part, so it has" if len(single) == 1 else "have no random part, so they have"
        notes.append(f"{listed(single)} {has} 1 draw per level.")
    if drawn:
        begins = "begins" if len(drawn) == 1 else "begin"
        notes.append(
            f"{listed(drawn)} {begins} at a random point in each draw: the figures are means over these starting "
            "points. A real attacker would keep the worst one, and Dice would be lower than this mean, as the line "
            "worst shows where the run has several attacks or draws."
        )
    return notes


def _overruled_sentence(model: str, beaten: Sequence[Masked]) -> str:
    """The note on a model that an attack without gradients harms more than every attack that follows one."""
    worst = min(beaten, key=lambda suspect: suspect.stronger - suspect.direct)
    levels = listed([percent(level) for level in sorted({suspect.level for suspect in beaten})])
    attacks = listed(list(dict.fromkeys(suspect.attack for suspect in beaten)))
    return (
        f"{worst.rival} follows no gradient, and it lowers the Dice of {model} at {levels} clearly more than {attacks} "
        f"(at {percent(worst.level)}, mean Dice over all cases is {number(worst.stronger)} instead of "
        f"{number(worst.direct)}). So the gradients of {model} are masked, and the figures under {attacks} are not to "
        "be believed."
    )


def _sentence(model: str, attack: str, suspects: Sequence[Masked]) -> str:
    """The note on an attack on a model, from the suspects among its levels: the certain ones, or all if none is."""
    worst = min(suspects, key=lambda suspect: suspect.stronger - suspect.direct)
    levels = listed([percent(level) for level in sorted({suspect.level for suspect in suspects})])
    makes = "makes" if worst.certain else "may make"
    what = (
        f"{attack} {makes} {model} look more robust than it is at {levels}: {worst.rival} may change the image no more "
        f"and does more harm (at {percent(worst.level)}, mean Dice over all cases is {number(worst.stronger)} instead "
        f"of {number(worst.direct)})."
    )
    if worst.certain:
        return (
            f"{what} The gradients of {model} are masked, or {attack} is too weak: at these levels, figures under "
            f"{attack} are no evidence of robustness."
        )
    return f"{what} With {count(worst.groups, 'group')} this can also be chance."
