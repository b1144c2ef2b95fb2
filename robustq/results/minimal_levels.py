"""The result of a search of minimal levels: its rows, its table and its notes."""

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.in_notebook import in_notebook
from robustq.report.numbers import count, draws_per_level, number, percent, plain_document
from robustq.report.sign_test_table import sign_test_grid
from robustq.request.levels import HIGHEST
from robustq.request.with_setting import is_one_of
from robustq.results.rows import NO_ANSWER
from robustq.results.stored import Stored
from robustq.statistics.group_means import describe
from robustq.statistics.median_interval import median_interval
from robustq.statistics.paired_tests import holm
from robustq.statistics.sign_test import sign_test

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRIC = "minimal_level"
"""Metric of the rows of a search."""

MORE = f"> {HIGHEST:g}"
"""Stands for a level above the largest one."""

STEPS = tuple(HIGHEST * step / 10 for step in range(1, 11))
"""Levels tried before bisection, because Dice can rise again with the level, as under JPEG-like compression."""


@dataclass(frozen=True)
class MinimalLevel:
    """The result of a search for one model and one case.

    Attributes:
        level: percent, the smallest level tried at which mean Dice is below the threshold; 100 if `censored`; 0 if mean
            Dice of the clean case is below the threshold.
        above: percent, the largest level tried below `level` at which mean Dice is not below the threshold, no further
            away than the resolution; 100 if `censored`; None if `level` is 0.
        censored: whether mean Dice is below the threshold at none of the levels tried, 10, 20, ... 100.
        clean: mean Dice at level 0.
        dice: mean Dice at `level`.
        absent: number of draws at `level` that have no Dice, because they move every label out of the image.
    """

    level: float
    above: float | None
    censored: bool
    clean: float
    dice: float
    absent: int = 0


class MinimalLevels(Stored):
    """What `robustq.minimal_levels` returns; it can also be opened from a run directory that a search wrote."""

    command = "minimal"

    @property
    def failures(self) -> dict[str, str]:
        """For the id of each case that could not be searched, the reason."""
        failed = self._rows[self._rows["status"] == "failed"]
        return dict(failed[["case", "reason"]].itertuples(index=False))

    def to_frame(self) -> pd.DataFrame:
        """model, domain, case, group, and the entries of `robustq.MinimalLevel`; one row for each model and case.

        A case without an answer of one model is left out for all models, as models are compared on the same cases.
        """
        rows = self._rows[(self._rows["status"] == "ok") & ~self._rows["case"].isin(self._unanswered["case"])]
        fields = list(MinimalLevel.__dataclass_fields__)
        documents = [json.loads(parameters) for parameters in rows["parameters"]]
        entries = [{field: document[field] for field in fields} for document in documents]
        cases = rows[["model", "domain", "case", "group"]].reset_index(drop=True)
        return pd.concat([cases, pd.DataFrame(entries, columns=fields)], axis=1)

    @cached_property
    def _rows(self) -> pd.DataFrame:
        frame: pd.DataFrame = self.directory.rows().to_pandas()
        return frame

    @property
    def _unanswered(self) -> pd.DataFrame:
        """The rows of searches that met an answer that is not finite."""
        return self._rows[self._rows["status"] == NO_ANSWER]

    def by_group(self) -> pd.DataFrame:
        """Median level over the cases of each group, and whether it is censored; its level is then 100.

        A censored case counts as infinite, so the median of a group can be censored although some of its cases are not.
        """
        cases = self.to_frame()
        infinite = cases.assign(level=_fallen(cases))
        medians = infinite.groupby(["model", "group"], sort=False)["level"].median().reset_index()
        censored = np.isinf(medians["level"])
        return medians.assign(level=medians["level"].where(~censored, HIGHEST), censored=censored)

    def pairs(self) -> pd.DataFrame:
        """For each pair of models, in how many groups each one holds up to a larger level, and the exact sign test.

        Returns:
            model, other, `model_larger`, `other_larger`, `ties`, `p` and `p_holm`, corrected over all pairs. A tie is a
            group with equal levels, or one that is censored for both models.
        """
        groups = self.by_group()
        fallen = groups.assign(level=_fallen(groups)).pivot(index="group", columns="model", values="level")
        pairs = list(combinations([model for model in self.models if model in fallen], 2))
        tests = [sign_test(fallen[one].to_numpy(float), fallen[other].to_numpy(float)) for one, other in pairs]
        columns = ["model", "other", "model_larger", "other_larger", "ties", "p"]
        table = pd.DataFrame([[*pair, *test] for pair, test in zip(pairs, tests, strict=True)], columns=columns)
        return table.assign(p_holm=holm(table["p"].to_numpy(float)))

    def grids(self) -> list[Grid]:
        """The table of the levels; with several models, that of their pairs too."""
        pairs = self.pairs()
        return [self.grid(), sign_test_grid(pairs, self.asked["perturbation"])] if len(pairs) else [self.grid()]

    def grid(self) -> Grid:
        """Median and quartiles over groups, one line for each model, with the notes needed to read them."""
        cases = self.to_frame()
        lines = []
        for model, groups in self.by_group().groupby("model", sort=False):
            searched = cases[cases["model"] == model]
            at_once, never = (searched["level"] == 0).sum(), searched["censored"].sum()
            lines.append([str(model), _spread(groups), _interval(groups), str(at_once), str(never)])
        asked = self.asked
        title = (
            f"smallest level [%] of {asked['perturbation']} at which Dice falls below {asked['threshold']:g} on "
            f"{self.data}: median (quartiles) over {count(cases['group'].nunique(), 'group')}"
        )
        return Grid(title, ["model", "level", "95 % interval", "at once", "never"], [("", lines)], self.notes())

    def plot(self) -> "Figure":
        """The share of patients that hold at each level: a matplotlib figure (`savefig` writes it)."""
        from robustq.report.minimal_figure import minimal_figure

        about = f"{self.asked['perturbation']} on {self.data}"
        return minimal_figure(self.by_group(), about, self.asked["threshold"])

    def _repr_html_(self) -> str:
        return in_notebook(self.grids())

    def notes(self) -> list[str]:
        """Notes on how to read the figures, on models and on the sample."""
        return [
            *self.remark_notes(),
            "level: the median over groups (patients), with the quartiles in brackets; a group's level is the median "
            "of its cases.",
            f"95 % interval: of the median, exact, from the order of the groups' levels; {MORE} where its upper end "
            "is not reached by the search. It needs 6 groups.",
            f"The search goes up in steps of {STEPS[0]:g} percentage points until mean Dice is below the threshold. "
            f"Then it halves the last step until the level is known to {self.asked['resolution']:g} points. It misses "
            f"a dip of mean Dice between two steps. Mean Dice is taken over {draws_per_level([self.asked['draws']])}.",
            "at once: number of cases in which Dice is below the threshold before any change. Their level counts as 0.",
            "never: number of cases in which Dice is below the threshold at no step up to "
            f"{percent(HIGHEST)}. It is only known that their level is larger, and figures that depend on this are "
            "marked ≥ (at least).",
            *self._attack_notes(),
            *self._missing_notes(),
            *self.pooled_notes(),
            *self.sample_notes(),
        ]

    def _attack_notes(self) -> list[str]:
        """What the search does not say of an attack."""
        if not is_one_of("attacks", self.asked["perturbation"]):
            return []
        return [
            "Each model is shown its own attack. Where its gradients mislead the attack, a model looks more robust "
            "than it is: robustq stress --attack looks for such masked gradients, this search does not."
        ]

    def _missing_notes(self) -> list[str]:
        """Notes on draws without Dice, on cases that could not be searched, and on answers that are not finite."""
        notes = []
        absent = int(self.to_frame()["absent"].sum())
        if absent:
            notes.append(
                f"At the levels found, {count(absent, 'draw')} moved every label out of the image and have no Dice."
            )
        unsearched = len(self.failures) - len(self.asked["data"]["failures"])
        if unsearched:
            notes.append(
                f"Left out: {unsearched} of the {len(self.cases)} cases, because the true mask shows no label, or none "
                "at a level that was tried, or because the case does not fit in memory."
            )
        notes += [
            f"No answer: {model} gave NaN or infinity for {count(len(rows), 'case')} ({', '.join(rows['case'])}) "
            "at a level that was tried. These cases are left out for every model."
            for model, rows in self._unanswered.groupby("model", sort=False)
        ]
        return notes

    def summary(self) -> dict[str, Any]:
        """The request, the figures and the notes as JSON values."""
        asked = {key: value for key, value in self.asked.items() if key not in ("models", "data")}
        document = {
            "run": str(self.directory.path),
            **asked,
            "data": self.data,
            "models": {
                str(model): _described(groups) for model, groups in self.by_group().groupby("model", sort=False)
            },
            "pairs": self.pairs().to_dict("records"),
            "cases": self.to_frame().astype(object).to_dict("records"),
            "failures": self.failures,
            "no_answer": self._unanswered[["model", "case", "reason"]].to_dict("records"),
            "notes": self.notes(),
        }
        return plain_document(document)


def _described(groups: pd.DataFrame) -> dict[str, Any]:
    """The figures of `describe` over groups, with the number of groups that have a censored case.

    If there are some, `at_least` names the figures that would grow if the levels of censored cases grew, and there is
    no standard deviation.
    """
    censored = groups["censored"].astype(bool)
    lower = describe(groups["level"].to_numpy(float))._asdict()
    upper = describe(_fallen(groups))._asdict()
    at_least = [name for name in ("mean", "median", "q1", "q3") if lower[name] != upper[name]] if censored.any() else []
    sd = np.nan if censored.any() else lower["sd"]
    interval = dict(zip(("median_low", "median_high"), median_interval(_fallen(groups)), strict=True))
    return {**lower, "sd": sd, **interval, "censored": int(censored.sum()), "at_least": at_least}


def _fallen(groups: pd.DataFrame) -> np.ndarray:
    """The level at which each group fell; infinite for a censored one."""
    return groups["level"].astype(float).where(~groups["censored"].astype(bool), np.inf).to_numpy(float)


def _interval(groups: pd.DataFrame) -> str:
    """The interval of the median; – for too few groups."""
    low, high = median_interval(_fallen(groups))
    ends = [MORE if np.isinf(end) else number(end, 2) for end in (low, high)]
    return "–" if np.isnan(low) else f"{ends[0]} to {ends[1]}"


def _spread(groups: pd.DataFrame) -> str:
    """Median and quartiles of levels; ≥ marks a figure that would grow if the levels of censored cases grew."""
    lower = describe(groups["level"].to_numpy(float))
    upper = describe(_fallen(groups))
    median, q1, q3 = (
        ("" if low == high else "≥ ") + number(low, 2)
        for low, high in zip((lower.median, lower.q1, lower.q3), (upper.median, upper.q1, upper.q3), strict=True)
    )
    return f"{median} ({q1}–{q3})"
