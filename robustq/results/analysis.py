"""The result of an analysis: its verdicts, tables, figures and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from robustq import registry
from robustq.errors import RequestError
from robustq.report.figure_files import FigureFiles
from robustq.report.grid import Grid, Sheet
from robustq.report.in_notebook import in_notebook
from robustq.report.numbers import count, listed, percent, plain_document
from robustq.request.with_setting import split_setting
from robustq.results.rows import FIGURE, NO_ANSWER, SMALLER
from robustq.results.stored import Stored
from robustq.shapes import by
from robustq.statistics.group_means import group_means, summarise
from robustq.storage.run_path import RunPath

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from robustq.analyser import AbstractAnalyser


class Analysis(Stored):
    """What `robustq.analyse` returns; it can also be opened from a run directory that an analysis wrote."""

    command = "analyse"

    @property
    def figures(self) -> dict[str, RunPath]:
        """Figures by name, each as PNG; a PDF of the same name lies beside it."""
        figures = {path.stem: path for path in (self.directory.path / "figures").glob("*.png")}
        return dict(sorted(figures.items()))

    def to_frame(self) -> pd.DataFrame:
        """All rows; columns as in `robustq.results.rows.Row`."""
        frame: pd.DataFrame = self.directory.rows().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return frame

    @cached_property
    def _frame(self) -> pd.DataFrame:
        frame = self.to_frame()
        return frame[~frame["status"].isin(["failed", NO_ANSWER])]

    @cached_property
    def _analysers(self) -> "dict[str, type[AbstractAnalyser] | RequestError]":
        """For each check, its class, or the error if it is not installed here: a run can come from another machine."""
        loaded: dict[str, type[AbstractAnalyser] | RequestError] = {}
        for text in self.asked["checks"]:
            try:
                loaded[text] = registry.load("analysers", split_setting("analysers", text)[0])
            except RequestError as error:
                loaded[text] = error
        return loaded

    @property
    def _installed(self) -> "list[type[AbstractAnalyser]]":
        """The checks that are installed here."""
        return [check for check in self._analysers.values() if not isinstance(check, RequestError)]

    def verdicts(self) -> list[str]:
        """One line for each model: the verdict of each check that gives one, and the remarks on the model."""
        rows = self.directory.rows(before=1).to_pandas()
        metrics = [check.verdict_metric for check in self._installed if check.verdict_metric is not None]
        lines = []
        for model in self.models:
            model_rows = rows[rows["model"] == model]
            verdicts = [reason for metric in metrics for reason in model_rows[model_rows["metric"] == metric]["reason"]]
            if verdicts:
                lines.append(f"{model}: {'; '.join([*verdicts, *self.remarks()[model]])}")
        return lines

    def conclusions(self) -> list[str]:
        """The verdicts, then what each check says of each model in one sentence."""
        rows = measured(self._frame)
        sentences = (sentence for check in self._installed for sentence in check.conclusions(rows, self.models))
        return [*self.verdicts(), *sentences]

    def grids(self, *, details: bool = True) -> list[Grid]:
        """The tables of every check. Notes on the whole run stand under the last table.

        The verdict on a dead bottleneck stands above every table, so that no table can be read without it.

        Args:
            details: whether all tables of a check are given, and not only the first.

        Raises:
            RequestError: a check is not installed here.
        """
        groups = len({case["group"] for case in self.cases})
        sample = f"{self.data}, {count(groups, 'group')}"
        sample_and_draws = f"{sample}, {count(self.asked['draws'], 'draw')} per level"
        rows = measured(self._frame)
        grids: list[Grid] = []
        for text, loaded in self._analysers.items():
            if isinstance(loaded, RequestError):
                raise loaded
            of_check = list(loaded.grids(rows, self.models, sample=sample_and_draws if loaded.needs_draws else sample))
            notes = loaded.setting_notes(split_setting("analysers", text)[1])
            first = [replace(grid, notes=[*grid.notes, *notes]) for grid in of_check[:1]]
            grids += [*first, *of_check[1:]] if details else first
        heads = self._dead()
        notes = [*self.answer_notes(), *self.window_notes(), *self.pooled_notes(), *self.sample_notes()]
        return _once([replace(grid, heads=heads) for grid in _noted(grids, notes)])

    def answer_notes(self) -> list[str]:
        """Notes on batches that did not fit in memory, and on cases whose latents are not finite or failed."""
        frame = self.to_frame()
        smaller = frame["reason"][frame["reason"].str.startswith(SMALLER)].unique()
        notes = [f"Some rows were {reason}." for reason in smaller]
        unused = frame["case"].isin(list(self.asked["data"]["failures"]))
        frame = frame[frame["status"].isin(["failed", NO_ANSWER]) & ~unused]
        for (model, case, reason), rows in frame.groupby(["model", "case", "reason"], sort=False):
            above = rows[rows["level"] > 0]
            where = "everywhere" if (rows["level"] == 0).any() else f"under {listed(list(_places(above)))}"
            notes.append(f"No answer of {model} for case {case}, {where}: {reason}. This is in no figure.")
        return notes

    def window_notes(self) -> list[str]:
        """A note where the models have a patch: their latents are those of the windows."""
        patch = self.spec(self.models[0]).preparation.patch
        if patch is None:
            return []
        return [
            f"The models answer by sliding window ({by(patch)}), and the latents are those of the windows. A place in "
            "several windows has tokens in each of them, and counts as often."
        ]

    def _dead(self) -> list[str]:
        """The verdicts on the models whose bottleneck is dead."""
        rows = self.directory.rows(before=1).to_pandas()
        dead = set(rows[(rows["metric"] == "alive") & (rows["value"] == 0)]["model"])
        return [verdict for verdict in self.verdicts() if verdict.partition(":")[0] in dead]

    def tables(self, *, details: bool = True) -> list[Sheet]:
        """The tables for a terminal or a notebook (`rich.print` shows one).

        Args:
            details: as in `grids`.
        """
        return [grid.to_rich() for grid in self.grids(details=details)]

    def _repr_html_(self) -> str:
        return in_notebook(self.grids(details=False), self.conclusions())

    def summary(self) -> dict[str, Any]:
        """The figures of the tables as JSON values."""
        rows = measured(self._frame)
        frame = rows[rows["label"] == ""]
        per_case = frame[frame["case"] != ""]
        overall = frame[(frame["case"] == "") & frame["value"].notna()]
        document = {
            "run": str(self.directory.path),
            "checks": self.asked["checks"],
            "data": self.data,
            "cases": len(self.cases),
            "draws": self.asked["draws"],
            "verdicts": self.verdicts(),
            "conclusions": self.conclusions(),
            "per_case": [] if per_case.empty else _records(summarise(group_means(per_case))),
            "table_figures": [
                asdict(figure) for check in self._installed for figure in check.table_figures(rows, self.models)
            ],
            "overall": _records(overall[["model", "domain", "perturbation", "level", "metric", "value", "unit"]]),
            "figures": {name: str(path) for name, path in self.figures.items()},
            "failures": self.failures,
            "notes": [*self.answer_notes(), *self.window_notes(), *self.sample_notes()],
        }
        return plain_document(document)

    def draw(self) -> None:
        """Write every figure of every check as PNG and PDF into `figures/`, from the rows in the directory alone.

        A figure that cannot be drawn is left out; `undrawable` says which and why.
        """
        FigureFiles(self.directory.path / "figures").write(self.plots)

    def plots(self) -> "Mapping[str, Figure]":
        """Every figure of every check that is installed here, by name."""
        figures: dict[str, Figure] = {}
        for check in self._installed:
            figures.update(check.figures(self._frame, self.models))
        return figures

    def undrawable(self) -> list[str]:
        """Sentences on the figures that `draw` leaves out: which they are, and why they cannot be drawn."""
        sentences: list[str] = []
        missing: list[str] = []
        for text, loaded in self._analysers.items():
            if isinstance(loaded, RequestError):
                sentences.append(f"no figure of the check {text} can be drawn: {loaded}")
            else:
                missing += loaded.missing_figures(self._frame, self.models)
        if missing:
            sentences.append(
                f"these figures cannot be drawn: {', '.join(missing)}; an earlier version of robustq wrote the "
                "analysis and did not store what they show: run robustq analyse again with the same options and --out "
                "to add it"
            )
        return sentences


def _places(rows: pd.DataFrame) -> dict[str, None]:
    """`gaussian at 30 %` for each perturbation and level, in their order."""
    pairs = rows[["perturbation", "level"]].itertuples(index=False)
    return dict.fromkeys(f"{perturbation} at {percent(level)}" for perturbation, level in pairs)


def _noted(grids: Sequence[Grid], notes: Sequence[str]) -> list[Grid]:
    """The tables with further notes under the last one."""
    return [*grids[:-1], *(replace(grid, notes=[*grid.notes, *notes]) for grid in grids[-1:])]


def _once(grids: Sequence[Grid]) -> list[Grid]:
    """The tables, each without the notes that stand under a table before it."""
    notes_above: set[str] = set()
    without_repeats = []
    for grid in grids:
        without_repeats.append(replace(grid, notes=[note for note in grid.notes if note not in notes_above]))
        notes_above.update(grid.notes)
    return without_repeats


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of measured values, without those that only a figure needs."""
    return rows[~rows["status"].isin(["failed", NO_ANSWER, FIGURE])]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    # As objects, so that a missing seed becomes None and not pandas' mark for a missing value.
    clean = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in record.items()} for record in clean.to_dict("records")]
