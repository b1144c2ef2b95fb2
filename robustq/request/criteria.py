"""Reads the acceptance criteria of a gate from a TOML file (docs/definitions.md, The gate)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from robustq.errors import RequestError, unknown

KINDS = ("share", "mean", "retention", "difference")

_NUMBERS = ("min", "max", "share", "level", "margin")
_TEXTS = ("metric", "kind", "perturbation", "label", "domain", "model", "baseline")
_NEEDED = {
    "share": ("share",),
    "mean": (),
    "retention": ("min",),
    "difference": ("baseline", "margin"),
}
"""For each kind, the entries that it needs besides min or max."""


@dataclass(frozen=True)
class Criterion:
    """One criterion. What is None holds for all.

    That is every model, every perturbation, the highest level, all labels together and all domains together.

    Attributes:
        metric: a metric of the run.
        kind: "share": at least `share` of the groups reach `min` (or stay below `max`); "mean": the mean does;
            "retention": the mean at the level divided by that at level 0 is at least `min`; "difference": the model is
            worse than the baseline by less than `margin`.
        min: smallest value that is accepted.
        max: largest value that is accepted, for metrics of which lower is better.
        share: share of the groups.
        perturbation: name in the rows.
        level: percent.
        label: name of a label.
        domain: name of a domain.
        model: name of a model of the run.
        baseline: name of the model to compare with.
        margin: the largest loss against the baseline that is accepted.
        looks: how often the criterion is looked at in all, when cases are added afterwards.
        accept_small: accept bounds of means from fewer than 50 groups.

    Raises:
        RequestError: the kind does not exist, or an entry is missing that it needs, or does not go with it.
    """

    metric: str
    kind: str
    min: float | None = None
    max: float | None = None
    share: float | None = None
    perturbation: str | None = None
    level: float | None = None
    label: str | None = None
    domain: str | None = None
    model: str | None = None
    baseline: str | None = None
    margin: float | None = None
    looks: int = 1
    accept_small: bool = False

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        _check_together(f"the criterion on {self.metric}", given)

    @classmethod
    def parse(cls, entries: Mapping[str, Any], place: str) -> "Criterion":
        """The criterion that the entries of a table describe.

        Args:
            entries: entries of a `[[criteria]]` table.
            place: what the messages call it.

        Raises:
            RequestError: an entry is missing, unknown or has a wrong value.
        """
        names = [field.name for field in fields(cls)]
        for name, value in entries.items():
            if name not in names:
                raise RequestError(f"{place}: {unknown('entry', name, names)}")
            _check(place, name, value)
        _check_together(place, entries)
        values: dict[str, Any] = {name: float(value) if name in _NUMBERS else value for name, value in entries.items()}
        return cls(**values)


def read_criteria(path: Path) -> list[Criterion]:
    """The criteria of a file.

    Raises:
        RequestError: there is no such file, it is no TOML, it has no criterion, or an entry is wrong.
    """
    if not path.is_file():
        raise RequestError(f"there is no file {path}: write the criteria into one, as docs/commands.md shows")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is not TOML: {error}") from error
    tables = document.get("criteria")
    others = sorted(set(document) - {"criteria"})
    if others or not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise RequestError(f"{path} does not consist of criteria: begin each of them with the line [[criteria]]")
    return [Criterion.parse(table, f"{path}, criterion {number}") for number, table in enumerate(tables, start=1)]


def _check(place: str, name: str, value: object) -> None:
    if name in _NUMBERS:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        kind = "a number"
    elif name in _TEXTS:
        fits, kind = isinstance(value, str), "text in quotation marks"
    elif name == "looks":
        fits, kind = type(value) is int and value >= 1, "a whole number of 1 or more"
    else:
        fits, kind = isinstance(value, bool), "true or false"
    if not fits:
        raise RequestError(f"{place} has {name} = {value!r}: give {kind}")
    if name == "margin" and isinstance(value, int | float) and value < 0:
        raise RequestError(f"{place} has margin = {value!r}: give the loss that is accepted, 0 or more")


def _check_together(place: str, entries: Mapping[str, Any]) -> None:
    """Refuse entries that do not make a criterion together.

    Args:
        place: what the message calls the criterion.
        entries: the entries that were given.
    """
    missing = [name for name in ("metric", "kind") if name not in entries]
    kind = entries.get("kind")
    if not missing and kind not in KINDS:
        raise RequestError(f"{place}: {unknown('kind', str(kind), KINDS)}")
    missing += [name for name in _NEEDED.get(str(kind), ()) if name not in entries]
    if missing:
        raise RequestError(f"{place} has no {' and no '.join(missing)}: add {'it' if len(missing) == 1 else 'them'}")
    if kind in ("share", "mean") and ("min" in entries) == ("max" in entries):
        raise RequestError(f"{place} needs either min or max: give one of them")
    if kind == "difference" and {"min", "max"} & set(entries):
        raise RequestError(f"{place} is a difference, which has a margin: leave min and max out")
    if kind == "retention" and "max" in entries:
        raise RequestError(f"{place} is a retention, of which higher is better: leave max out")
