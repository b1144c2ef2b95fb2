"""The note on labels that a model predicts although the true mask does not have them."""

from collections.abc import Sequence

from robustq.report.numbers import number, percent
from robustq.statistics.invented_labels import Invented


def invented_notes(invented: Sequence[Invented], total: int) -> list[str]:
    """The note under figures that leave these answers out.

    Args:
        invented: what `invented` gave.
        total: number of all pairs of a case and a label, whether or not the truth shows the label.
    """
    clean = {answers.model: answers for answers in invented if answers.level == 0}
    if not clean:
        return []
    shares = []
    for model, answers in clean.items():
        curve = [point for point in invented if point.model == model]
        worst = max(curve, key=lambda point: point.share)
        most = f" (at most {number(worst.share)}, under {worst.perturbation} at {percent(worst.level)})"
        shares.append(f"{model} {number(answers.share)}" + (most if worst.share > answers.share else ""))
    absent = next(iter(clean.values())).absent
    return [
        f"In {absent} of the {total} pairs of a case and a label, the true mask does not have the label. Such a pair "
        "has no score and is in no figure above. Share of these pairs in which a model predicts the label although "
        f"the true mask does not have it (invents it), at {percent(0)}: {'; '.join(shares)}."
    ]
