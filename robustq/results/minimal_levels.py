"""The minimal levels that a search found, as its run directory holds them."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import count, draws_a_level, number, percent, plain
from robustq.request.with_setting import is_one_of
from robustq.results.stored import Stored
from robustq.statistics.group_means import describe

METRIC = "minimal_level"
"""What the rows of a search measure."""

MOST = 100.0
"""The largest level, and where a search ends."""

STEPS = tuple(MOST * step / 10 for step in range(1, 11))
"""Levels that are tried before bisection: Dice may rise again with the level, as under JPEG-like compression."""


@dataclass(frozen=True)
class MinimalLevel:
    """Where a search ended.

    Attributes:
        level: percent, the smallest level tried at which mean Dice is below the threshold; 100 if `censored`; 0 where
            the clean case is below it already.
        above: the largest level tried below that one at which it is not, less than the resolution away; 100 if
            `censored`; None at level 0.
        censored: mean Dice is below the threshold at none of the levels tried, 10, 20, ... 100.
        clean: mean Dice at level 0.
        dice: mean Dice at `level`.
        absent: draws at `level` that have no Dice, for they move every label out of the image.
    """

    level: float
    above: float | None
    censored: bool
    clean: float
    dice: float
    absent: int = 0


class MinimalLevels(Stored):
    """What `robustq.minimal_levels` returns, and what a run directory is read as."""

    command = "minimal"

    @property
    def failures(self) -> dict[str, str]:
        """Reason by case id, of the cases in which nothing could be searched."""
        failed = self._rows[self._rows["status"] == "failed"]
        return dict(failed[["case", "reason"]].itertuples(index=False))

    def to_frame(self) -> pd.DataFrame:
        """model, domain, case, group, and the entries of `robustq.MinimalLevel`; one row a model and case."""
        found = self._rows[self._rows["status"] == "ok"]
        entries = [json.loads(parameters) for parameters in found["parameters"]]
        entries = [{field: each[field] for field in MinimalLevel.__dataclass_fields__} for each in entries]
        told = found[["model", "domain", "case", "group"]].reset_index(drop=True)
        return pd.concat([told, pd.DataFrame(entries, columns=list(MinimalLevel.__dataclass_fields__))], axis=1)

    @cached_property
    def _rows(self) -> pd.DataFrame:
        frame: pd.DataFrame = self.directory.rows().to_pandas()
        return frame

    def by_group(self) -> pd.DataFrame:
        """Mean level over the cases of each group, a censored case counted as 100, and whether there is such a case."""
        grouped = self.to_frame().groupby(["model", "group"], sort=False, as_index=False)
        return grouped.agg(level=("level", "mean"), censored=("censored", "any"))

    def grid(self) -> Grid:
        """Median and quartiles over groups, one line a model, and what must be known to read them."""
        cases = self.to_frame()
        lines = []
        for model, part in self.by_group().groupby("model", sort=False):
            own = cases[cases["model"] == model]
            lines.append([str(model), _spread(part), str((own["level"] == 0).sum()), str(own["censored"].sum())])
        asked = self.asked
        title = (
            f"smallest level [%] of {asked['perturbation']} at which Dice falls below {asked['threshold']:g} on "
            f"{asked['data']['name']}: median (quartiles) over {cases['group'].nunique()} groups"
        )
        return Grid(title, ["model", "level", "at once", "never"], [("", lines)], self.notes())

    def notes(self) -> list[str]:
        """What must be known to read the figures."""
        told = [f"{model}: {'; '.join(remarks)}" for model, remarks in self.remarks().items() if remarks]
        unsearched = len(self.failures) - len(self.asked["data"]["failures"])
        cases = len(self.asked["data"]["cases"])
        left_out = (
            [f"{unsearched} of the {cases} cases are left out: the truth shows no label, or none at a level tried"]
            if unsearched
            else []
        )
        absent = int(self.to_frame()["absent"].sum())
        moved = [f"{count(absent, 'draw')} at the levels found moved every label out of the image and have no Dice"]
        aimed = ["each model under its own attack: robustq stress --attack looks for masked gradients, this does not"]
        aimed = aimed if is_one_of("attacks", self.asked["perturbation"]) else []
        return [
            *told,
            f"by steps of {STEPS[0]:g} points, then bisection to {self.asked['resolution']:g}; a dip of mean Dice "
            f"between two steps is missed; {draws_a_level(self.asked['draws'])}",
            "at once: cases that are below without any change, counted as 0",
            f"never: cases that are below at no step up to {percent(MOST)}, counted as that, so that figures are ≥",
            *aimed,
            *(moved if absent else []),
            *left_out,
            *self.sample_notes(),
        ]

    def summary(self) -> dict[str, Any]:
        """All of it as JSON values."""
        asked = {key: value for key, value in self.asked.items() if key not in ("models", "data")}
        document = {
            "run": str(self.directory.path),
            **asked,
            "data": self.asked["data"]["name"],
            "models": {
                str(model): describe(part["level"].to_numpy(float))._asdict()
                for model, part in self.by_group().groupby("model", sort=False)
            },
            "cases": self.to_frame().astype(object).to_dict("records"),
            "failures": self.failures,
            "notes": self.notes(),
        }
        clean = plain(document)
        assert isinstance(clean, dict)
        return clean


def _spread(groups: pd.DataFrame) -> str:
    """Median and quartiles of levels; a figure that would be larger if censored cases were, has a ≥."""
    known = describe(groups["level"].to_numpy(float))
    larger = describe(groups["level"].where(~groups["censored"].astype(bool), np.inf).to_numpy(float))
    median, q1, q3 = (
        ("" if one == other else "≥ ") + number(one, 2)
        for one, other in zip((known.median, known.q1, known.q3), (larger.median, larger.q1, larger.q3), strict=True)
    )
    return f"{median} ({q1}–{q3})"
