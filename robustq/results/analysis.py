"""An analysis that was computed: its verdicts, tables, figures and rows."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from robustq import registry
from robustq.report.figure_files import save_figure
from robustq.report.grid import Grid, Sheet
from robustq.report.numbers import plain
from robustq.results.stored import Stored
from robustq.statistics.group_means import group_means, summarise

if TYPE_CHECKING:
    from robustq.analyser import AbstractAnalyser


class Analysis(Stored):
    """What `robustq.analyse` returns, and what a run directory is read as."""

    command = "analyse"

    @property
    def figures(self) -> dict[str, Path]:
        """Figures by name, each as PNG; a PDF of the same name lies beside it."""
        return {path.stem: path for path in sorted((self.directory.path / "figures").glob("*.png"))}

    def to_frame(self) -> pd.DataFrame:
        """All rows; columns as in `robustq.results.rows.Row`."""
        frame: pd.DataFrame = self.directory.rows().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return frame

    @cached_property
    def _frame(self) -> pd.DataFrame:
        frame = self.to_frame()
        return frame[frame["status"] != "failed"]

    def verdicts(self) -> list[str]:
        """A line a model: whether its bottleneck is alive, and what must be known of the model."""
        rows = self.directory.rows(before=1).to_pandas()
        told = dict(rows[rows["metric"] == "alive"][["model", "reason"]].itertuples(index=False))
        remarks = self.remarks()
        return [f"{model}: {'; '.join([told[model], *remarks[model]])}" for model in self.models if model in told]

    def grids(self) -> list[Grid]:
        """Every table of every check, headed by the verdicts."""
        data = self.asked["data"]
        groups = len({case["group"] for case in data["cases"]})
        sample = f"{data['name']}, {groups} groups"
        drawn = f"{sample}, {self.asked['draws']} draws a level"
        found = []
        for text in self.asked["checks"]:
            factory = registry.load("analysers", text.partition("@")[0])
            found += factory.grids(self._frame, self.models, sample=drawn if factory.needs_draws else sample)
        notes = self.sample_notes()
        return [replace(grid, heads=self.verdicts(), notes=[*grid.notes, *notes]) for grid in found]

    def tables(self) -> list[Sheet]:
        """The tables for a terminal or a notebook (`rich.print` shows one)."""
        return [grid.to_rich() for grid in self.grids()]

    def summary(self) -> dict[str, Any]:
        """The figures of the tables as JSON values."""
        frame = self._frame[self._frame["label"] == ""]
        per_case = frame[frame["case"] != ""]
        whole = frame[(frame["case"] == "") & frame["value"].notna()]
        document = {
            "run": str(self.directory.path),
            "checks": self.asked["checks"],
            "data": self.asked["data"]["name"],
            "cases": len(self.asked["data"]["cases"]),
            "draws": self.asked["draws"],
            "verdicts": self.verdicts(),
            "per_case": [] if per_case.empty else _records(summarise(group_means(per_case))),
            "overall": _records(whole[["model", "domain", "perturbation", "level", "metric", "value", "unit"]]),
            "figures": {name: str(path) for name, path in self.figures.items()},
            "failures": self.failures,
            "notes": self.sample_notes(),
        }
        clean = plain(document)
        assert isinstance(clean, dict)
        return clean

    def draw(self, analysers: "Mapping[str, Mapping[str, AbstractAnalyser]]") -> None:
        """Write every figure of every check as PNG and PDF into `figures/`.

        Args:
            analysers: by check and model, which have seen the clean cases.
        """
        for named in analysers.values():
            first = next(iter(named.values()))
            for name, figure in first.figures(self._frame, named).items():
                save_figure(figure, self.directory.path / "figures", name)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    # Through object, so that a missing seed is None and not pandas' own mark.
    clean = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in record.items()} for record in clean.to_dict("records")]
