"""Names that strangers chose are text in every form of a table."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from robustq.report.csv_text import csv_of
from robustq.report.grid import Grid
from robustq.report.printable import lines_of, printable

TERMINAL = "lung\x1b[31m\x07"
TURNED = "a\N{RIGHT-TO-LEFT OVERRIDE}gnp.b"
FORMULAS = ("=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-x")


def _grid(name: str) -> Grid:
    return Grid(f"title {name}", ["label", "value"], [(name, [[name, "-0.003"]])], [f"note {name}"], [f"head {name}"])


def test_a_terminal_gets_no_command_from_a_name() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120)
    terminal.print(_grid(TERMINAL).to_rich())

    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert r"lung\x1b[31m\x07" in shown
    assert "\x1b[31m" not in shown
    assert "\x07" not in shown


@given(st.text())
def test_no_form_of_a_table_holds_a_control_character_of_a_name(name: str) -> None:
    for text in (_grid(name).to_markdown(), _grid(name).to_latex(), _grid(name).to_csv()):
        assert not [sign for sign in text if (sign < " " and sign != "\n") or "\x7f" <= sign < "\xa0"]


def test_text_that_is_turned_around_is_written_out_and_other_alphabets_stay() -> None:
    assert printable(TURNED) == r"a\u202egnp.b"
    assert printable("Lunge ö, 肺, رئة, 🫁") == "Lunge ö, 肺, رئة, 🫁"


@pytest.mark.parametrize("name", FORMULAS)
def test_a_spreadsheet_does_not_compute_a_name_and_still_reads_figures(name: str) -> None:
    lines = [line for line in _grid(name).to_csv().splitlines() if not line.startswith("#")]
    (_, cells) = list(csv.reader(lines))

    assert cells == [f"'{name}", f"'{name}", "-0.003"]


def test_markdown_makes_no_tag_and_no_link_of_a_name() -> None:
    text = _grid("<script>alert(1)</script> [x](http://example.org) `code`").to_markdown()

    assert "<script>" not in text
    assert "](" not in text


def test_latex_runs_no_command_of_a_name() -> None:
    assert r"\input" not in _grid(r"\input{/etc/passwd}").to_latex()


@pytest.mark.parametrize("name", ["[x] a", "*"])
def test_latex_takes_no_name_for_an_argument(name: str) -> None:
    text = _grid(name).to_latex()

    assert f"\n{{{name[0]}}}{name[1:]} &" in text
    assert not [line for line in text.splitlines() if line.startswith(("[", "*"))]


@pytest.mark.parametrize("name", [*FORMULAS, TERMINAL])
def test_rows_as_csv_hold_names_as_text_and_numbers_as_numbers(name: str) -> None:
    text = csv_of(pd.DataFrame({"model": [name], "value": [-0.003], "draw": pd.array([None], pd.Int64Dtype())}))

    ((_, cells)) = list(csv.reader(text.splitlines()))
    assert cells == [printable(name) if name == TERMINAL else f"'{name}", "-0.003", ""]


def test_a_page_keeps_its_lines_but_no_other_control() -> None:
    assert lines_of("a\n\tb\x1b[31m\x9fש") == "a\n\tb\\x1b[31m\\x9fש"
