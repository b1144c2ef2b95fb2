"""How large figures and their letters are: for the screen, or as wide as a column of a printed page."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCH = 25.4
"""Millimetres of an inch."""

COLUMN, PAGE = 84.0, 174.0
"""Width of one column and of both columns of a printed page, in mm."""

TALLEST = 230.0
"""Largest height of a figure on a printed page, in mm."""

NARROW = 4.5
"""Panels that are no wider than this side by side on the screen, in inches, stand in one column of a printed page."""

SMALLEST, LARGEST = 6.0, 8.0
"""Range of font sizes on a printed page, in points."""

_FILES: Mapping[str, Any] = {
    # Type 42 embeds a font as it is, so that its text can be searched and edited; many journals refuse Type 3.
    "pdf.fonttype": 42,
    # A reader without the font would see another one, in which labels overlap.
    "svg.fonttype": "path",
    # Without a salt, the names within an SVG are random.
    "svg.hashsalt": "robustq",
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class FigureStyle:
    """A style of figures.

    Attributes:
        name: its name on the command line.
        most_columns: largest number of panels side by side.
        printed: whether a figure is as wide as one column or both columns of a printed page, without a title.
        dpi: pixels of an inch in a PNG.
        settings: matplotlib's settings, besides those of every style.
    """

    name: str
    most_columns: int
    printed: bool
    dpi: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this context, figures are made and saved in this style."""
        from matplotlib import rc_context

        settings: dict[Any, Any] = {**_FILES, **self.settings}
        token = _current.set(self)
        try:
            with rc_context(settings):
                yield
        finally:
            _current.reset(token)

    def columns(self, panels: int, together: int = 1) -> int:
        """Number of panels side by side, so that the rows are equally long.

        Args:
            panels: number of panels.
            together: number of panels that stand in one row, if that is possible.
        """
        most = max(1, self.most_columns // together) * together if together <= self.most_columns else self.most_columns
        rows = ceil(panels / most)
        balanced = ceil(ceil(panels / rows) / together) * together
        return max(1, min(panels, balanced, most))

    def size(self, columns: int, rows: int, panel: tuple[float, float] = (3.2, 2.9)) -> tuple[float, float]:
        """Width and height of a figure, in inches.

        Args:
            columns: number of panels side by side.
            rows: number of panels one below the other.
            panel: width and height of a panel on the screen, in inches; on a printed page their ratio is kept.
        """
        width, height = panel
        if not self.printed:
            return max(6.0, 1.2 + width * columns), 0.9 + height * rows
        wide = (COLUMN if width * columns <= NARROW else PAGE) / INCH
        return wide, min(TALLEST / INCH, 0.5 + rows * height / width * wide / columns)

    def finish(self, figure: "Figure") -> None:
        """Bring a finished figure, which anybody can have made, to the width of the page; take its title away."""
        if not self.printed:
            return
        from matplotlib.text import Text

        figure.suptitle("").set_in_layout(False)
        width, height = figure.get_size_inches()
        wide = min((COLUMN / INCH, PAGE / INCH), key=lambda column: abs(column - width))
        if abs(wide - width) > 1e-6:
            figure.set_size_inches(wide, min(TALLEST / INCH, height * wide / width))
        for text in figure.findobj(Text):
            assert isinstance(text, Text)
            text.set_fontsize(min(LARGEST, max(SMALLEST, text.get_fontsize())))


SCREEN = FigureStyle("screen", most_columns=4, printed=False, dpi=150, settings={"legend.fontsize": "small"})

PAPER = FigureStyle(
    "paper",
    most_columns=3,
    printed=True,
    dpi=300,
    settings={
        "font.size": 7,
        "axes.titlesize": 7,
        "axes.labelsize": 7,
        "xtick.labelsize": 6.5,
        "ytick.labelsize": 6.5,
        "legend.fontsize": 6.5,
        "legend.title_fontsize": 6.5,
        "figure.titlesize": 7,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.1,
        "lines.markersize": 3,
        "grid.linewidth": 0.4,
    },
)

STYLES: Mapping[str, FigureStyle] = {style.name: style for style in (SCREEN, PAPER)}
"""The styles by name."""

_current: ContextVar[FigureStyle] = ContextVar("robustq_figure_style", default=SCREEN)


def current_style() -> FigureStyle:
    """The style of the context in which a figure is made; that of the screen by default."""
    return _current.get()
