"""A table as cells of text, so that terminal, Markdown, LaTeX and CSV show the same figures."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.jupyter import JupyterMixin
from rich.measure import measure_renderables
from rich.text import Text

from robustq.report.printable import in_markdown, in_spreadsheet, printable
from robustq.report.split_table import SplitTable

_UNBOUNDED = 10_000
"""Width, in characters, that no table needs."""

_LONG_NAME = 30
"""Length from which names are broken in a narrow terminal."""

_LONGEST = 60
"""Largest length of a label in LaTeX."""


class Sheet(JupyterMixin, Group):
    """Title, table and notes, one below the other, in a terminal and in a notebook."""


@dataclass(frozen=True)
class Grid:
    """Cells of text under a header, in named sections.

    Attributes:
        title: what the figures are, with unit and sample.
        header: one entry for each column; the first column holds names.
        sections: for each section, its name ("" for none) and its rows.
        notes: what a reader must know to read the figures; printed below them.
        heads: what a reader must know before the figures, such as that a bottleneck is dead; printed above them.
        names: number of columns, from the left, that hold names and not figures.
    """

    title: str
    header: Sequence[str]
    sections: Sequence[tuple[str, Sequence[Sequence[str]]]]
    notes: Sequence[str] = field(default=())
    heads: Sequence[str] = field(default=())
    names: int = 1

    def to_rich(self) -> Sheet:
        """The table for a terminal or a notebook."""
        # Title and notes stand outside the table, because the table would break their lines at its own width.
        table = SplitTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.keys = self.names + (list(self.header[self.names : self.names + 1]) == ["level"])
        # In a narrow terminal, a cell is broken between figure and deviation and not cut off, and columns that do not
        # fit even so follow below. Names stay in one line, unless they would leave no room for the figures.
        for column, name in enumerate(self.header):
            justify: Literal["left", "right"] = "left" if column < self.names else "right"
            table.add_column(_text(name), justify=justify, overflow="fold", no_wrap=self._is_short_name(column))
        for section, rows in self.sections:
            table.add_section()
            if section:
                # A long section name is broken at its commas: in one line it would leave no room for the figures.
                table.add_row(
                    Text(printable(section).replace(", ", "\n"), style="bold"), *[""] * (len(self.header) - 1)
                )
            for row in rows:
                table.add_row(*map(_text, row))
        above = [_text(line, "italic") for line in (self.title, *self.heads)]
        return Sheet(*above, table, *(_text(note, "dim") for note in self.notes))

    def _is_short_name(self, column: int) -> bool:
        if column >= self.names:
            return False
        return all(len(row[column]) <= _LONG_NAME for _, rows in self.sections for row in rows)

    def to_markdown(self) -> str:
        """A GitHub table with the title above it and the notes below it."""
        heads = [*(f"- {in_markdown(head)}" for head in self.heads), ""] if self.heads else []
        lines = [
            f"**{in_markdown(self.title)}**",
            "",
            *heads,
            _bar(self.header),
            _bar([*["---"] * self.names, *["---:"] * (len(self.header) - self.names)]),
        ]
        for section, rows in self.sections:
            if section:
                lines.append(_bar([f"**{section}**", *[""] * (len(self.header) - 1)]))
            lines += [_bar(row) for row in rows]
        return "\n".join([*lines, "", *[f"- {in_markdown(note)}" for note in self.notes]]).rstrip() + "\n"

    def to_latex(self) -> str:
        """A table environment with booktabs rules; the document needs `\\usepackage{booktabs}`."""
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_tex(self.title)}}}",
            rf"\label{{tab:{_slug(self.title)}}}",
            rf"\begin{{tabular}}{{{'l' * self.names}{'r' * (len(self.header) - self.names)}}}",
            r"\toprule",
            _tex_row(self.header),
        ]
        for section, rows in self.sections:
            lines.append(r"\midrule")
            if section:
                lines.append(rf"\multicolumn{{{len(self.header)}}}{{l}}{{\textbf{{{_tex(section)}}}}} \\")
            lines += [_tex_row(row) for row in rows]
        lines += [r"\bottomrule", r"\end{tabular}"]
        if self.heads or self.notes:
            lines += [r"\par\medskip\footnotesize", r"\begin{itemize}"]
            lines += [rf"\item {_tex(note)}" for note in (*self.heads, *self.notes)]
            lines.append(r"\end{itemize}")
        return "\n".join([*lines, r"\end{table}", ""])

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """A table with a caption, and the notes as a list below it; a part of a page, without style."""
        lines = ["<table>", f"<caption>{escape(printable(self.title))}</caption>"]
        for section, cells in (("", [self.header]), *self.sections):
            if section:
                lines.append(f'<tr><th colspan="{len(self.header)}">{escape(printable(section))}</th></tr>')
            for row in cells:
                tag = "th" if row is self.header else "td"
                lines.append("<tr>" + "".join(f"<{tag}>{escape(printable(cell))}</{tag}>" for cell in row) + "</tr>")
        notes = [f"<li>{escape(printable(note))}</li>" for note in (*self.heads, *self.notes)]
        return "\n".join([*lines, "</table>", *(["<ul>", *notes, "</ul>"] if notes else []), ""])

    def to_text(self) -> str:
        """The table as a terminal prints it, as wide as it needs."""
        sheet, stream = self.to_rich(), io.StringIO()
        Console(file=stream, width=max(80, needed_width(Console(), sheet)), color_system=None).print(sheet)
        return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"

    def to_csv(self) -> str:
        """The cells as printed, with the section as the first column; title and notes are comments."""
        text = io.StringIO()
        text.writelines(f"# {printable(line)}\n" for line in (self.title, *self.heads, *self.notes))
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["section", *map(in_spreadsheet, self.header)])
        for section, rows in self.sections:
            writer.writerows(map(in_spreadsheet, [section, *row]) for row in rows)
        return text.getvalue()


def needed_width(console: Console, table: RenderableType) -> int:
    """The number of characters that a table needs so that none of its lines is broken."""
    return measure_renderables(console, console.options.update(max_width=_UNBOUNDED), [table]).maximum


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


def _bar(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(in_markdown, cells)) + " |"


def _tex_row(cells: Sequence[str]) -> str:
    return " & ".join(_tex(cell) for cell in cells) + r" \\"


_TEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{NO-BREAK SPACE}": "~",
    "±": r"$\pm$",
    "−": "$-$",
    "≥": r"$\geq$",
    "×": r"$\times$",
    "–": "--",
    "∞": r"$\infty$",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "Δ": r"$\Delta$",
    "δ": r"$\delta$",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
}


_MINUS = re.compile(r"(?<![\w.])-(?=[\d∞])")
"""A hyphen that is a minus: before a figure, and not within a word."""


def _tex(text: str) -> str:
    written = "".join(_TEX.get(character, character) for character in _MINUS.sub("−", printable(text)))
    # After \\ or \item, LaTeX would take a bracket or a star for an argument.
    return f"{{{written[0]}}}{written[1:]}" if written.startswith(("[", "*")) else written


def _slug(title: str) -> str:
    """What the title says before its first comma or colon, as a name for a label."""
    return re.sub(r"[^a-z0-9]+", "-", re.split("[,:]", title)[0].lower()).strip("-")[:_LONGEST] or "table"
