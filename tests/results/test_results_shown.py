"""Any result printed again: as a tidy table, and as LaTeX, HTML and Markdown."""

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import rows
from robustq.report.grid import Grid
from robustq_cli.main import app
from stored_runs import stored_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = rows.run("unet", rows.declining(0.01, 0)) + rows.run("vq", rows.declining(0.005, 1))
    return stored_run(tmp_path_factory.mktemp("shown") / "run", made)


def printed(*words: object) -> str:
    result = CliRunner().invoke(app, ["show", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_csv_has_one_header_and_numbers_in_columns_of_their_own(run: Path) -> None:
    table = pd.read_csv(io.StringIO(printed(run, "--format", "csv")), keep_default_na=False, na_values=[""])

    assert len(table) == 2 * 3 * 3 * 3  # models, perturbations and their mean, levels; both labels and their mean
    assert set(table["perturbation"]) == {"gaussian", "poisson", "all"}
    for name in ("level", "groups", "mean", "sd", "low", "high", "drop", "retention"):
        assert pd.api.types.is_numeric_dtype(table[name]), name
    overall = table[table["label"].isna() & (table["model"] == "vq") & (table["level"] == 30)]
    assert (overall["low"] < overall["mean"]).all()
    assert (overall["mean"] < overall["high"]).all()


def test_the_tidy_comparison_holds_drops_and_levels(run: Path) -> None:
    table = pd.read_csv(io.StringIO(printed(run, "--what", "compare", "--format", "csv")))

    assert set(table["measure"]) == {"clean", "drop", "retention", "audc", "value at the level"}
    drops = table[(table["measure"] == "drop") & (table["perturbation"] == "all")]
    assert drops["difference"].item() == pytest.approx(drops["value"].item() - drops["baseline_value"].item())
    assert drops["high"].item() < 0  # vq loses half as much


def test_latex_has_a_short_caption_a_label_and_the_notes_as_a_list(run: Path) -> None:
    text = printed(run, "--what", "compare", "--format", "latex")

    captions = re.findall(r"\\caption\{(.*)\}", text)
    assert all(len(caption) < 120 for caption in captions)
    assert len(set(re.findall(r"\\label\{(.*)\}", text))) == len(captions) == 2
    assert text.count(r"\toprule") == text.count(r"\begin{itemize}") == 2
    assert not re.search(r"[\[ ]-\d", text)
    assert "$-$0." in text


def test_a_hyphen_in_a_name_is_no_minus() -> None:
    text = Grid("a", ["name", "value"], [("", [["vq-2, 10-30", "-0.5 [-1.0, 2e-3]"]])]).to_latex()

    assert r"vq-2, 10-30 & $-$0.5 [$-$1.0, 2e-3] \\" in text


def test_html_is_a_table_whose_names_are_text() -> None:
    text = Grid("<b>", ["<i>"], [("", [["<script>"]])], notes=["a & b"]).to_html()

    assert "<script>" not in text
    assert "<caption>&lt;b&gt;</caption>" in text
    assert "<li>a &amp; b</li>" in text


@pytest.mark.parametrize("name", ["md", "markdown"])
def test_markdown_has_two_names(run: Path, name: str) -> None:
    assert printed(run, "--format", name).startswith("**dice on chests")


def test_a_result_that_is_not_there_is_refused(run: Path) -> None:
    for words, said in (
        ((run, "--what", "analysis"), "it has no analysis.json"),
        ((run, "--what", "stres"), "did you mean stress"),
        ((run, "--format", "tex"), "did you mean latex"),
        ((run, "--what", "compare", "--baseline", "vqq"), "did you mean vq"),
    ):
        result = CliRunner().invoke(app, ["show", *map(str, words)])
        assert said in str(result.exception)
