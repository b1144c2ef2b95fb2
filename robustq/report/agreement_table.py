"""The table that says whether agreement tells the loss of Dice, and the notes of a run without labels."""

from collections.abc import Callable, Mapping, Sequence

from robustq.report.grid import Grid
from robustq.report.numbers import count, number, percent, with_interval
from robustq.statistics.agreement_and_loss import AgreementAndLoss

AGREEMENT_NOTE = (
    "No truth is used. Agreement compares each answer with the model's own answer to the unperturbed case, which moves "
    "with the image where the perturbation moves it. It does not say whether an answer is right: a model that always "
    "answers the same agrees perfectly with itself."
)
"""Printed with the figures of a run without labels."""


def agreement_grid(
    correlations: Mapping[str, Sequence[AgreementAndLoss]],
    *,
    sample: str,
    level_text: Callable[[float], str] = percent,
    highest: bool = False,
) -> Grid:
    """The rank correlation of each agreement with the loss of Dice, a line for each model and level.

    Args:
        correlations: for each metric of agreement, what `agreement_and_loss` gave.
        sample: description of the cases, for the title.
        level_text: what a reader sees of a level.
        highest: whether only the highest level is shown.
    """
    sections: dict[str, list[list[str]]] = {}
    most = max((one.level for of_metric in correlations.values() for one in of_metric), default=0.0)
    for metric, of_metric in correlations.items():
        for one in of_metric:
            if one.level == most or not highest:
                cells = [level_text(one.level), count(one.cases, "case"), _cell(one)]
                sections.setdefault(one.perturbation, []).append([one.model, metric, *cells])
    notes = [
        "Rank correlation (Spearman) over cases, each with its mean over draws and labels, with its 95 % bootstrap "
        "interval over patients; only cases that have a mask. -1: the less the answers to a case agree, the more Dice "
        "it has lost, so that agreement orders cases as truth would (+1 for a distance). 0: agreement says nothing. – "
        "for fewer than 3 cases, or where all cases agree or lose alike. A perfect order has no interval: it is "
        "perfect in every resample too, and another case can still break it.",
    ]
    header = ["model", "agreement", "level", "cases", "rank correlation with loss of Dice"]
    return Grid(f"Does agreement tell the loss of Dice, on {sample}", header, list(sections.items()), notes, names=2)


def _cell(one: AgreementAndLoss) -> str:
    return with_interval(number(one.correlation, 2), one.low, one.high, 2)
