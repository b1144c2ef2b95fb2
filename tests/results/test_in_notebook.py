"""Results and models show themselves in a notebook, and a name in them is text there."""

from pathlib import Path

import pytest

import robustq
import rows
from analyses import analyse, model
from stored_runs import stored_run

HOSTILE = "<script>alert(1)</script>"


def shown(thing: object) -> str:
    html: str = thing._repr_html_()
    assert "<script" not in html
    assert "http" not in html
    assert len(html) < 30_000
    return html


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> robustq.Run:
    made = [
        *rows.run(HOSTILE, rows.declining(0.01, 0), groups=6),
        *rows.run("vq", rows.declining(0.02, 1), groups=6),
    ]
    return robustq.Run(stored_run(tmp_path_factory.mktemp("run") / "run", made))


def test_a_run_and_a_comparison_are_tables_in_which_a_tag_is_text(run: robustq.Run) -> None:
    for result in (run, robustq.compare(run, "vq")):
        html = shown(result)
        assert "<table>" in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_an_analysis_begins_with_its_conclusions() -> None:
    analysis = analyse({HOSTILE: model()}, check="latent-variance", levels=[10], draws=2)
    html = shown(analysis)
    assert html.startswith("<ul>\n<li>&lt;script&gt;")
    assert html.count("<table>") == 2  # liveness always runs


def test_minimal_levels_are_a_table(tmp_path: Path) -> None:
    levels = robustq.minimal_levels({HOSTILE: model()}, "phantom:cases=1", "gaussian", draws=1, resolution=5)
    assert "smallest level" in shown(levels)


def test_a_model_says_what_it_is() -> None:
    segmenter = model("16x4")
    html = shown(segmenter)
    assert "vq:16x4" in html
    assert f"{sum(parameter.numel() for parameter in segmenter.parameters()):,}" in html
    assert "untrained: its weights are random" in html
