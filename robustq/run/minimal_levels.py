"""Minimal levels of several models on the cases of a dataset: the search, and what it found."""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from robustq import registry
from robustq.attack import AbstractAttack
from robustq.dataset import AbstractDataset, Case
from robustq.errors import CaseError
from robustq.report.grid import Grid
from robustq.report.numbers import count, draws_a_level, number, percent, plain
from robustq.results.directory import RunDirectory
from robustq.results.rows import Row
from robustq.results.stored import Stored
from robustq.run.minimal_level import MOST, STEPS, MinimalLevel, check_search, load_one, minimal_level
from robustq.run.plan import Piece
from robustq.run.progress import Progress, compute, open_executor
from robustq.run.subjects import Models, Subjects, blank_row, of_model, versions
from robustq.statistics.group_means import describe

METRIC = "minimal_level"


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
        aimed = aimed if self.asked["perturbation"].partition("@")[0] in registry.names("attacks") else []
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


def minimal_levels(
    models: Models | None,
    data: AbstractDataset | str,
    perturbation: str,
    *,
    threshold: float = 0.5,
    resolution: float = 0.1,
    draws: int = 10,
    seed: int = 0,
    split: str = "held-out",
    clip: bool = False,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    executor: str = "local",
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> MinimalLevels:
    """Search the minimal level of every model on every case; see `robustq.minimal_level`.

    Args:
        models: as in `robustq.stress`; None for the bundled demonstration pair.
        data: a dataset or the text of `--data`.
        perturbation: a perturbation, chain or attack by name.
        threshold: Dice.
        resolution: percent.
        draws: random realisations a level; one of an attack without randomness.
        seed: of the run.
        split: which cases, as in `robustq.stress`.
        clip: bring perturbed values back into the intensity range.
        out: the run directory, which may be that of a stress run. A search that was killed there goes on. Without, a
            temporary directory that lives as long as what is returned.
        device: of the models.
        executor: where the batches of pieces are computed, one of `robustq list executors`.
        on_progress: told after each case.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
    """
    check_search(threshold, resolution, draws)
    name, opened = load_one(perturbation)
    if isinstance(opened, AbstractAttack) and not opened.random:
        draws = 1
    subjects = Subjects.gather(models, data, split=split, device=device)
    directory = RunDirectory(tempfile.mkdtemp(prefix="robustq-") if out is None else out, "minimal")
    asked = {
        "perturbation": name,
        "threshold": threshold,
        "resolution": resolution,
        "draws": draws,
        "seed": seed,
        "split": split,
        "clip": clip,
        **subjects.describe(),
    }
    batches = [[Piece(entry.id, name, MOST, draws)] for entry in subjects.good]
    directory.begin({"asked": asked, "plan": batches, "device": str(subjects.device), "versions": versions()})
    settings = {"threshold": threshold, "resolution": resolution, "draws": draws, "seed": seed, "clip": clip}
    compute(directory, batches, _Searcher(subjects, settings), on_progress, open_executor(executor))
    directory.write(len(batches), subjects.failed_rows())
    directory.compact()
    found = MinimalLevels(directory.path, temporary=out is None)
    directory.summarise(found.summary())
    return found


def _spread(groups: pd.DataFrame) -> str:
    """Median and quartiles of levels; a figure that would be larger if censored cases were, has a ≥."""
    known = describe(groups["level"].to_numpy(float))
    larger = describe(groups["level"].where(~groups["censored"].astype(bool), np.inf).to_numpy(float))
    median, q1, q3 = (
        ("" if one == other else "≥ ") + number(one, 2)
        for one, other in zip((known.median, known.q1, known.q3), (larger.median, larger.q1, larger.q3), strict=True)
    )
    return f"{median} ({q1}–{q3})"


@dataclass(frozen=True)
class _Searcher:
    """Searches every model's minimal level on a case and turns them into rows."""

    subjects: Subjects
    settings: dict[str, Any]

    def __call__(self, batch: Sequence[Piece]) -> list[Row]:
        """The rows of a batch of pieces."""
        return [row for piece in batch for row in self._search(piece)]

    def _search(self, piece: Piece) -> list[Row]:
        entry = next(entry for entry in self.subjects.good if entry.id == piece.case)
        case: Case = self.subjects.cases(entry)
        shared = replace(
            blank_row(self.subjects.cases.dataset, entry), perturbation=piece.perturbation, draw=None, metric=METRIC
        )
        rows = [replace(shared, **of_model(name, model)) for name, model in self.subjects.models.items()]
        models = self.subjects.models
        try:
            return [
                self._found(row, minimal_level(models[row.model], case, piece.perturbation, **self.settings))
                for row in rows
            ]
        except CaseError as error:  # of one model; without it the others would be compared on other cases
            return [replace(row, status="failed", reason=str(error)) for row in rows]

    def _found(self, row: Row, found: MinimalLevel) -> Row:
        asked = {name: self.settings[name] for name in ("threshold", "resolution")}
        told = json.dumps({**asdict(found), **asked})
        return replace(row, level=found.level, value=found.level, unit="%", parameters=told)
