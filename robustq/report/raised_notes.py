"""The note on perturbations that raise Dice above that of the unperturbed cases."""

from collections.abc import Sequence

from robustq.report.numbers import number, percent
from robustq.statistics.raised_scores import Raised


def raised_notes(raised: Sequence[Raised]) -> list[str]:
    """One note for each model and perturbation.

    Args:
        raised: what `raised_scores` gave.
    """
    return [
        f"{gain.model} scores better under {gain.perturbation} than without it: Dice {number(gain.perturbed)} at "
        f"{percent(gain.level)}, {number(gain.clean)} at {percent(0)}. Such cases often differ from the training data, "
        "in contrast or sharpness for example, and the perturbation makes them more alike: this curve shows more than "
        "robustness."
        for gain in raised
    ]
