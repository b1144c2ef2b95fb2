"""A table of the paper beside ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from reproduction.line import Line
from reproduction.ours import Ours
from reproduction.published_figures import DATA
from robustq.report.grid import Grid


@dataclass(frozen=True)
class Table:
    """A table or the figures of a picture of the paper, beside ours.

    Attributes:
        title: what the figures are.
        what: header of the column that says what a figure is of.
        lines: the lines, section after section.
        data: the data sets of the paper that it needs.
        notes: what a reader must know.
        drawn: the lines of the picture; by default all that have a value.
        logarithmic: whether the values are drawn on a logarithmic scale.
    """

    title: str
    what: str
    lines: Sequence[Line]
    data: Sequence[str]
    notes: Sequence[str] = field(default=())
    drawn: Sequence[Line] = field(default=())
    logarithmic: bool = False

    def grid(self, ours: Ours) -> Grid:
        """The lines as cells, with notes on what is missing and how to get it."""
        sections = [
            (
                name,
                [
                    [line.model, line.what, line.paper.text, line.ours.text, line.ours.interval, *line.ours.sample]
                    + ([line.verdict] if self._has_claims else [])
                    for line in self.lines
                    if line.section == name
                ],
            )
            for name in dict.fromkeys(line.section for line in self.lines)
        ]
        header = ["model", self.what, "paper", "ours", "95 % interval", "seeds", "patients"]
        header += ["verdict"] if self._has_claims else []
        missing = [DATA[name].advice for name in self.data if name not in ours.data]
        return Grid(self.title, header, sections, [*self.notes, *ours.notes, *missing], names=2)

    @property
    def _has_claims(self) -> bool:
        return any(line.verdict for line in self.lines)


Maker = Callable[[Ours], Table]
"""Makes a table from a study."""

Pictures = Callable[[], Mapping[str, Figure]]
"""Draws pictures, by the name of their file."""
