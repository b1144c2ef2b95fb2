"""The ranking of runs: in Python, in the terminal and on the page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import robustq
import rows
from commands import robustq as command
from robustq.errors import RequestError
from robustq.results.page import write_page
from robustq.results.rows import Row
from stored_runs import stored_run

SLOPES = {"steep": 0.01, "flat": 0.005, "nearly flat": 0.0051}


def _rows(name: str, **changes: object) -> list[Row]:
    made = rows.run(name, rows.declining(SLOPES[name], len(name)), groups=12)
    return [replace(row, **changes) for row in made]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("ranking")
    return [stored_run(folder / name, _rows(name)) for name in SLOPES]


def test_three_runs_become_a_ranking_with_open_places(runs: list[Path]) -> None:
    frame = robustq.ranking(runs).to_frame().set_index("model")

    assert frame["rank"].to_dict() == {"flat": 1, "nearly flat": 2, "steep": 3}
    assert list(zip(frame["best_rank"], frame["worst_rank"], strict=True)) == [(1, 2), (1, 2), (3, 3)]


def test_the_terminal_and_the_page_show_the_same_ranking(runs: list[Path], tmp_path: Path) -> None:
    frame = robustq.ranking(runs).to_frame()
    table = command("compare", *runs, "--ranking", cwd=tmp_path)
    document = json.loads(command("compare", *runs, "--ranking", "--json", cwd=tmp_path).stdout)
    page = write_page(runs, tmp_path / "page.html").read_text()

    assert table.returncode == 0, table.stderr
    assert [entry["audc"] for entry in document["ranking"]] == frame["audc"].tolist()
    for row in frame.to_dict("records"):
        for text in (table.stdout, page):
            assert f"{row['audc']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in text
    assert '<h2 id="ranking-1">' in page


def test_runs_on_other_data_have_no_ranking_and_the_page_says_why(runs: list[Path], tmp_path: Path) -> None:
    other = stored_run(tmp_path / "other", [replace(row, case=f"new {row.case}") for row in _rows("flat")])

    with pytest.raises(RequestError, match="differ in cases"):
        robustq.ranking([runs[0], other])
    page = write_page([runs[0], other], tmp_path / "page.html").read_text()

    assert "differ in cases" in page
    assert "So there is no ranking of their models." in page
    assert '<h2 id="ranking' not in page


def test_domains_are_ranked_each_by_itself(tmp_path: Path) -> None:
    made = [
        replace(row, domain="A" if int(row.group) < 6 else "B") for name in SLOPES for row in _rows(name)
    ]  # fmt: skip
    ranking = robustq.ranking(stored_run(tmp_path / "run", made))

    assert sorted(ranking.domains) == ["A", "B"]
    assert set(ranking.to_frame()["groups"]) == {6}
    assert [name for name, _ in ranking.grid().sections] == [f"domain {name}" for name in ranking.domains]


def test_one_model_and_other_metrics_are_refused_by_name(runs: list[Path], tmp_path: Path) -> None:
    without_dice = stored_run(tmp_path / "run", _rows("flat", metric="iou"))

    with pytest.raises(RequestError, match="flat is the only model"):
        robustq.ranking(runs[1])
    with pytest.raises(RequestError, match="has no dice, by which models are ranked"):
        robustq.ranking([runs[0], without_dice])
    with pytest.raises(RequestError, match="several models called flat"):
        robustq.ranking([runs[1], runs[1]])


def test_a_ranking_and_a_baseline_are_not_asked_together(runs: list[Path], tmp_path: Path) -> None:
    done = command("compare", runs[0], "--ranking", "--baseline", "steep", cwd=tmp_path)

    assert done.returncode == 2
    assert "leave --baseline and --by out" in done.stderr
