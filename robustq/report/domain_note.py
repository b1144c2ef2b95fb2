"""How many cases a domain has, and whether models were trained on cases of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from robustq.report.numbers import count, listed


@dataclass(frozen=True)
class TrainingCases:
    """How many of the cases that a model was trained on belong to one domain.

    Attributes:
        here: number of these cases that belong to the domain.
        shown: number of these cases that belong to the domain and are also cases of the run.
        complete: whether the domain of every case that the model was trained on is known.
    """

    here: int
    shown: int
    complete: bool


def domain_note(title: str, cases: int, training: Mapping[str, TrainingCases]) -> str:
    """A sentence such as `Domain A (12 cases): the models were trained on other cases of this domain.`

    Args:
        title: names the domain, such as `Domain A`.
        cases: number of cases of the run that belong to the domain.
        training: for each model, the counts of its training cases; models that were never trained are left out.
    """
    head = f"{title} ({count(cases, 'case')})"
    if not training:
        return f"{head}."
    trained = [model for model, counts in training.items() if counts.here]
    elsewhere = [model for model, counts in training.items() if not counts.here and counts.complete]
    unknown = [model for model, counts in training.items() if not counts.here and not counts.complete]
    other = "" if any(counts.shown for counts in training.values()) else "other "
    clauses = []
    if trained:
        clauses.append(f"{_who(trained, training)} trained on {other}cases of this domain")
        clauses += [f"{_who(elsewhere, training)} not"] if elsewhere else []
    elif not unknown:
        clauses.append("no model was trained on cases of this domain")
    if unknown:
        clauses.append(f"it is not known whether {_who(unknown, training)} trained on cases of this domain")
    return f"{head}: {'; '.join(clauses)}."


def _who(models: list[str], all_models: Mapping[str, TrainingCases]) -> str:
    if len(models) == len(all_models):
        return "the model was" if len(models) == 1 else "the models were"
    return f"{listed(models)} {'was' if len(models) == 1 else 'were'}"
