"""How many cases a domain has, and whether models were trained on cases of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from robustq.report.numbers import count, listed


@dataclass(frozen=True)
class TrainingCases:
    """Where the cases come from that a model was trained on.

    Attributes:
        here: how many of them belong to the domain.
        shown: how many of them are among the cases of the run that belong to the domain.
        complete: whether the domain of every case that the model was trained on is known.
    """

    here: int
    shown: int
    complete: bool


def domain_note(title: str, cases: int, training: Mapping[str, TrainingCases]) -> str:
    """A sentence such as `Domain A (12 cases): the models were trained on other cases of this domain.`

    Args:
        title: names the domain.
        cases: of the run that belong to it.
        training: by model; models that were never trained are left out.
    """
    head = f"{title} ({count(cases, 'case')})"
    if not training:
        return f"{head}."
    trained = [model for model, each in training.items() if each.here]
    elsewhere = [model for model, each in training.items() if not each.here and each.complete]
    unknown = [model for model, each in training.items() if not each.here and not each.complete]
    other = "" if any(each.shown for each in training.values()) else "other "
    told = []
    if trained:
        told.append(f"{_who(trained, training)} trained on {other}cases of this domain")
        told += [f"{_who(elsewhere, training)} not"] if elsewhere else []
    elif not unknown:
        told.append("no model was trained on cases of this domain")
    if unknown:
        told.append(f"it is not known whether {_who(unknown, training)} trained on cases of this domain")
    return f"{head}: {'; '.join(told)}."


def _who(models: list[str], all_models: Mapping[str, TrainingCases]) -> str:
    if len(models) == len(all_models):
        return "the model was" if len(models) == 1 else "the models were"
    return f"{listed(models)} {'was' if len(models) == 1 else 'were'}"
