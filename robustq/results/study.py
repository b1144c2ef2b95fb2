"""The result of a study: its trainings, its runs, and the tables over all of them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from robustq.errors import RequestError
from robustq.report.grid import Grid
from robustq.request.study import short_name
from robustq.results.analysis import Analysis
from robustq.results.architecture_claims import architecture_claims_grid
from robustq.results.by_architecture import by_architecture, by_architecture_grids, notes_on, shared_metrics
from robustq.results.directory import RunDirectory
from robustq.results.page import write_page
from robustq.results.shift import Shift
from robustq.results.stress_run import Run
from robustq.results.study_file import Step, StudyFile
from robustq.whole_file import whole_file


class Study:
    """What `robustq.study` returns; it can also be opened from the folder that a study wrote.

    Args:
        path: the folder of the study.

    Raises:
        RequestError: the folder holds no study.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = StudyFile.read(self.path)

    @property
    def name(self) -> str:
        """Name of the study."""
        return self._file.study

    @property
    def steps(self) -> list[Step]:
        """The steps that ended."""
        return self._file.steps

    @cached_property
    def failures(self) -> Mapping[str, str]:
        """For each step that failed, and each table that could not be made, the reason."""
        steps = {step.name: step.reason for step in self.steps if step.reason}
        return {**steps, **self._tables[1]}

    @property
    def bundles(self) -> dict[str, Path]:
        """The trained bundles, and those with a prior, by the name of their step."""
        trained = (*self._done("train"), *self._done("prior"))
        return {step.name: self._of(step) / "model.safetensors" for step in trained}

    @cached_property
    def runs(self) -> list[Run]:
        """The stress runs, one for each training set, test set and training seed."""
        return [Run(self._of(step)) for step in self._done("stress")]

    @cached_property
    def analyses(self) -> list[Analysis]:
        """The analyses, one for each training set, test set and training seed."""
        return [Analysis(self._of(step)) for step in self._done("analyse")]

    @cached_property
    def shift(self) -> Shift | None:
        """The models in every domain; None where it was not asked or failed."""
        for step in self._done("shift"):
            path = self._of(step)
            analysis = Analysis(path) if RunDirectory(path, "analyse").exists else None
            return Shift(Run(path), analysis, step.models)
        return None

    def grids(self) -> list[Grid]:
        """All tables: architectures and claims about them for each training and test set, then domains."""
        return [grid for grids in self.tables.values() for grid in grids]

    @property
    def tables(self) -> dict[str, list[Grid]]:
        """The tables by the name of their file."""
        return self._tables[0]

    @cached_property
    def _tables(self) -> tuple[dict[str, list[Grid]], dict[str, str]]:
        """The tables that could be made, and for the others the reason."""
        tables: dict[str, list[Grid]] = {}
        reasons: dict[str, str] = {}
        for (train, test), steps in self._stressed.items():
            runs = [Run(self._of(step)) for step in steps]
            names = {model: name for step in steps for model, name in step.models.items()}
            place = "-".join(map(short_name, dict.fromkeys((train, test))))
            try:
                table = by_architecture(runs, names)
                tables[f"architectures-{place}"] = _trained_on(by_architecture_grids(runs, table), train)
                if self._file.baseline is not None and len({*names.values()}) > 1:
                    claims = self._claims(runs, names, self._file.baseline)
                    tables[f"claims-{place}"] = _trained_on(claims, train)
            except RequestError as error:
                reasons[f"tables of {place}"] = str(error)
        if self.shift is not None:
            try:
                known = self._file.baseline in self.shift.names.values()
                tables["shift"] = self.shift.grids(self._file.baseline if known else None)
            except RequestError as error:
                reasons["table of domains"] = str(error)
        return tables, reasons

    def write_report(self) -> Path:
        """Write the tables into `tables/`, each as Markdown, LaTeX and CSV, and the page of all runs; its path.

        Raises:
            RequestError: no run is done.
        """
        for name, grids in self.tables.items():
            for suffix, texts in {
                "md": [grid.to_markdown() for grid in grids],
                "tex": [grid.to_latex() for grid in grids],
                "csv": [grid.to_csv() for grid in grids],
            }.items():
                with whole_file(self.path / "tables" / f"{name}.{suffix}") as partial:
                    partial.write_text("\n".join(texts), encoding="utf-8")
        runs = [self._of(step) for step in self.steps if step.kind in ("stress", "analyse") and not step.reason]
        page = self.path / "report.html"
        write_page(runs, page)
        return page

    @staticmethod
    def _claims(runs: list[Run], names: Mapping[str, str], baseline: str) -> list[Grid]:
        notes = notes_on(runs)
        return [architecture_claims_grid(runs, baseline, metric, notes, names) for metric in shared_metrics(runs)]

    @property
    def _stressed(self) -> dict[tuple[str, str], list[Step]]:
        """The stress runs of each training set and test set."""
        pairs: dict[tuple[str, str], list[Step]] = {}
        for step in self._done("stress"):
            pairs.setdefault((step.train, step.test), []).append(step)
        return pairs

    def _done(self, kind: str) -> list[Step]:
        return [step for step in self.steps if step.kind == kind and not step.reason]

    def _of(self, step: Step) -> Path:
        return self.path / step.directory


def _trained_on(grids: Sequence[Grid], train: str) -> list[Grid]:
    """The tables with the training set in their titles."""
    return [replace(grid, title=f"{grid.title}, trained on {short_name(train)}") for grid in grids]
