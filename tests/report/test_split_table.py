"""A table that is wider than the terminal goes on below itself, and breaks no figure."""

import io
import re

from rich.console import Console

from robustq.report.grid import Grid

HEADER = ["model", "level", *(f"figure {number}" for number in range(6))]
FIGURES = [f"-0.{number}23 [-0.100, 0.{number}50]" for number in range(6)]
GRID = Grid("Title", HEADER, [("gaussian", [["vq", "30 %", *FIGURES], ["plain", "30 %", *FIGURES]])])


def printed(width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(GRID.to_rich())
    return stream.getvalue().splitlines()


def test_no_figure_is_broken_and_no_line_is_too_long() -> None:
    lines = printed(40)
    assert max(map(len, lines)) <= 40
    words = re.findall(r"\S+", "\n".join(lines))
    for figure in FIGURES:
        for word in figure.split():
            assert words.count(word) >= 2


def test_every_part_begins_with_the_names_and_the_level() -> None:
    lines = printed(40)
    parts = [line for line in lines if line.split()[:2] == ["vq", "30"]]
    assert len(parts) > 1
    assert sum(line.split()[:2] == ["plain", "30"] for line in lines) == len(parts)


def test_a_table_that_fits_stays_whole() -> None:
    assert sum(line.split()[:1] == ["vq"] for line in printed(200)) == 1
