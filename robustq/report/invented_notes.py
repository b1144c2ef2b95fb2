"""What is said under figures of labels that a model answers and the truth does not show."""

from collections.abc import Sequence

from robustq.report.numbers import number, percent
from robustq.statistics.invented_labels import Invented


def invented_notes(found: Sequence[Invented], total: int) -> list[str]:
    """What must be said under figures in which these answers have no part.

    Args:
        found: what `invented` gave.
        total: labels of cases there are, shown or not.
    """
    clean = {each.model: each for each in found if each.level == 0}
    if not clean:
        return []
    told = []
    for model, each in clean.items():
        worst = max((other for other in found if other.model == model), key=lambda other: other.share)
        more = f" (at most {number(worst.share)}, under {worst.perturbation} at {percent(worst.level)})"
        told.append(f"{model} {number(each.share)}" + (more if worst.share > each.share else ""))
    absent = next(iter(clean.values())).absent
    return [
        f"For {absent} of the {total} labels of all cases, the true mask does not show the label. Such a label has no "
        f"score and is in no figure above. Share of these that a model answers all the same, at {percent(0)}: "
        f"{'; '.join(told)}."
    ]
