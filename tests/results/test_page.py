"""The page of a run: what it says equals the rows, and names in it are only text."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rows
from analyses import analyse
from earlier_version import with_rows_folder
from robustq import registry
from robustq.errors import RequestError
from robustq.report.page.words import _METRICS
from robustq.results.page import write_page
from robustq.results.page_chapter import page_chapter
from robustq.results.rows import SCHEMA, Row
from robustq.results.stress_run import Run
from stored_runs import stored_run

HOSTILE = ("<script>alert(1)</script>", "../../x", "n" * 300, "שלום<b>", "🫁 & \"quoted\" 'too'")


class Elements(HTMLParser):
    """Every element of a page as its tag and attributes, with the row that it stands in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.row: dict[str, str] = {}
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "tr":
            self.row = given
        # The row goes first: a cell's own attributes are the ones to read.
        self.found.append((tag, {f"row-{name}": value for name, value in self.row.items()} | given))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def means_by_hand(frame: pd.DataFrame) -> pd.Series:
    """Over draws, then labels, then cases of a patient, then patients."""
    keys = ["model", "perturbation", "domain", "level"]
    values = frame[frame["metric"] == "dice"]
    for within in (["group", "case", "label"], ["group", "case"], ["group"]):
        values = values.groupby([*keys, *within], as_index=False)["value"].mean()
    mean: pd.Series = values.groupby(keys)["value"].mean()
    return mean


def two_domains(model: str, slope: float, seed: int, **changes: object) -> list[Row]:
    made = rows.run(model, rows.declining(slope, seed), groups=6)
    return [replace(row, domain="A" if int(row.group) < 3 else "B", **changes) for row in made]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("page") / "run"
    return write_page([stored_run(run, two_domains("unet", 0.01, 0) + two_domains("vq", 0.005, 1))])


def test_every_cell_of_the_matrix_equals_the_rows(page: Path) -> None:
    expected = means_by_hand(pd.read_parquet(page.parent / "results.parquet"))
    cells = [given for tag, given in Elements(page.read_text()).found if tag == "td" and "data-level" in given]

    # The mean over the perturbations, each counted once, stands under the others.
    overall = expected.groupby(["model", "domain", "level"]).mean()
    expected = pd.concat([expected, pd.concat({"all": overall}, names=["perturbation"]).reorder_levels([1, 0, 2, 3])])
    assert len(cells) == len(expected) == 2 * 3 * 2 * 3
    assert [cell["row-data-perturbation"] for cell in cells][-12:] == ["all"] * 12
    for cell in cells:
        key = cell["row-data-of"], cell["row-data-perturbation"], cell["row-data-domain"]
        value = expected[(*key, float(cell["data-level"]))]
        assert float(cell["data-value"]) == pytest.approx(value, abs=1e-12)
        assert float(cell["data-retention"]) == pytest.approx(value / expected[(*key, 0.0)], abs=1e-12)


def test_every_point_of_the_charts_equals_the_rows(page: Path) -> None:
    frame = pd.read_parquet(page.parent / "results.parquet")
    expected = set(np.round(means_by_hand(frame), 9))
    for label in ("heart", "lung"):
        expected |= set(np.round(means_by_hand(frame[frame["label"] == label]), 9))
    points = [given for tag, given in Elements(page.read_text()).found if tag == "circle"]

    assert len(points) == 3 * 2 * 2 * 2 * 3
    assert {round(float(point["data-value"]), 9) for point in points} == expected
    assert all(float(point["data-low"]) <= float(point["data-value"]) <= float(point["data-high"]) for point in points)


def test_a_verdict_on_each_model_and_perturbation_says_what_is_lost(page: Path) -> None:
    expected = means_by_hand(pd.read_parquet(page.parent / "results.parquet"))
    verdicts = [given for _, given in Elements(page.read_text()).found if "data-drop" in given]

    assert len(verdicts) == 2 * 2 * 2
    for verdict in verdicts:
        perturbation, _, domain = verdict["data-where"].partition(", domain ")
        curve = expected[verdict["data-of"], perturbation, domain]
        assert float(verdict["data-drop"]) == pytest.approx(curve[0.0] - curve[30.0], abs=1e-12)
    assert "vq loses" in page.read_text()


def test_a_page_loads_nothing_and_allows_no_script_but_its_own(page: Path) -> None:
    elements = Elements(page.read_text()).found

    sources = [given[name] for _, given in elements for name in ("src", "href") if name in given]
    assert all(source.startswith(("#", "data:image/png;base64,")) for source in sources)
    (policy,) = [given["content"] for _, given in elements if given.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert not [given for _, given in elements if any(name.startswith("on") for name in given)]


def test_hostile_names_are_text_and_write_nothing_outside(tmp_path: Path) -> None:
    named = [
        replace(
            row, perturbation=HOSTILE[2], dataset=HOSTILE[0], case=HOSTILE[1] + row.case, label=HOSTILE[0], domain=d
        )
        for name in HOSTILE
        for row in rows.run(name, rows.declining(0.01, 0), groups=2, noises=("gaussian",), labels=("a",))
        for d in (HOSTILE[3],)
    ]
    run = stored_run(tmp_path / "inside" / "run", named)
    html = write_page([run]).read_text()

    elements = Elements(html)
    assert [tag for tag, _ in elements.found].count("script") == 1
    for name in HOSTILE:
        assert any(name in text for text in elements.text), name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside"]
    assert sorted(path.name for path in (tmp_path / "inside").iterdir()) == ["run"]


def test_one_model_and_one_level_have_a_page(tmp_path: Path) -> None:
    made = rows.run("unet", rows.declining(0.01, 0), groups=1, noises=("gaussian",), levels=(0.0,), labels=("lung",))

    assert "Matrix" in write_page([stored_run(tmp_path / "run", made)]).read_text()


def test_cases_that_failed_are_named_unless_cases_are_renamed(tmp_path: Path) -> None:
    failures = {"secret-7": "the image holds NaN"}
    made = rows.run("unet", rows.declining(0.01, 0))
    data = {"name": "chests", "cases": [], "failures": failures}
    run = stored_run(tmp_path / "run", made)
    document = json.loads((run / "run.json").read_text())
    document["asked"]["data"] |= {"failures": data["failures"]}
    (run / "run.json").write_text(json.dumps(document))

    assert "secret-7: the image holds NaN" in write_page([run]).read_text()
    renamed = write_page([run], tmp_path / "p.html", case_names=False).read_text()
    assert "secret-7" not in renamed
    assert "1 of 9 cases could not be used" in renamed


def test_runs_of_the_same_cases_stand_side_by_side_and_others_one_after_the_other(tmp_path: Path) -> None:
    first = stored_run(tmp_path / "a", rows.run("unet", rows.declining(0.01, 0)))
    second = stored_run(tmp_path / "b", rows.run("vq", rows.declining(0.005, 1)))
    other = stored_run(tmp_path / "c", rows.run("vq", rows.declining(0.005, 1), groups=3))

    together = write_page([first, second], tmp_path / "one.html").read_text()
    assert "vq loses" in together
    assert together.count('class="chapter"') == 1
    apart = write_page([first, other], tmp_path / "two.html").read_text()
    assert apart.count('class="chapter"') == 2
    assert "one after the other and not side by side, because" in apart
    assert "case 3" in apart
    assert "case 3" not in write_page([first, other], tmp_path / "three.html", case_names=False).read_text()


def test_the_page_of_several_runs_is_written_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [stored_run(tmp_path / name, rows.run(name, rows.declining(0.01, 0), groups=2)) for name in ("a", "b")]
    monkeypatch.chdir(tmp_path)
    assert write_page(runs) == Path("report.html")
    assert (tmp_path / "report.html").is_file()


def test_a_run_that_was_stopped_says_so_on_its_page(tmp_path: Path) -> None:
    run = stored_run(tmp_path / "run", rows.run("unet", rows.declining(0.01, 0), groups=2))
    (with_rows_folder(run) / "000000.parquet").unlink()
    assert "NOT FINISHED: 1 of 1 batches" in write_page([run]).read_text()


def test_an_unknown_baseline_and_a_folder_without_a_run_are_refused(page: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="unknown model 'vqq': did you mean vq"):
        write_page(page.parent, baseline="vqq")
    with pytest.raises(RequestError, match="no run in"):
        write_page([tmp_path])


@pytest.mark.long
def test_500_cases_under_12_perturbations_make_a_page_below_10_mb(tmp_path: Path) -> None:
    levels = (0.0, 1.0, 10.0, 20.0, 30.0)
    made = [
        row
        for place, model in enumerate(("unet", "vq", "base"))
        for row in rows.run(model, rows.declining(0.01, place), groups=500, noises=("noise-0",), levels=levels)
    ]
    names = [f"noise-{number}" for number in range(12)]
    run = stored_run(tmp_path / "run", made, perturbations=names)
    file = with_rows_folder(run) / "000000.parquet"
    frame = pd.read_parquet(file)
    whole = pd.concat([frame.assign(perturbation=name) for name in names], ignore_index=True)
    pq.write_table(pa.Table.from_pandas(whole, schema=SCHEMA, preserve_index=False), file)

    assert write_page(run).stat().st_size < 10e6


def test_each_metric_and_audc_are_explained_before_they_are_used_and_wide_tables_say_that_they_scroll(
    tmp_path: Path,
) -> None:
    made = rows.run("unet", rows.declining(0.01, 0)) + rows.run(
        "unet", rows.declining(-0.1, 1), metric="hd95", unit="mm"
    )
    page = write_page([stored_run(tmp_path, made)]).read_text()
    body = page[page.index("<main") :]
    for word, sentence in (
        ("Dice", "how far answer and truth overlap"),
        ("HD95", "95 % of each boundary"),
        ("AUDC", ""),
    ):
        assert body.index(word) == body.index(f"{word}: {sentence}")
    assert '<div class="scroll wide" tabindex="0" role="region" aria-label="Matrix of Dice">' in page
    assert ".wide::before" in page[page.index("@media (max-width: 30rem)") :]


def test_every_metric_of_ours_is_explained() -> None:
    assert set(_METRICS) == set(registry.names("metrics"))


def test_a_remark_that_a_verdict_holds_is_said_once(tmp_path: Path) -> None:
    run = Run(stored_run(tmp_path, rows.run("unet", rows.declining(0.01, 0))))
    remark = "; ".join(run.remarks()["unet"])

    def said(verdict: str) -> int:
        return sum(remark in alert for alert in page_chapter([run], None, [verdict]).alerts)

    assert said(f"unet: alive; {remark}") == 1
    assert said(f"vq: alive; {remark}") == 2


def test_the_chapter_why_begins_with_the_conclusions(tmp_path: Path) -> None:
    analysis = analyse(data="phantom:cases=1,domain=A", check="codebook", levels=[30], draws=1, out=tmp_path / "run")
    page = write_page(tmp_path / "run").read_text()
    why = page[page.index('id="why"') :]

    assert "codes in use, mean radius" in analysis.conclusions()[-1]
    assert why.index(analysis.conclusions()[-1]) < why.index("<details>")
