"""The robustness card: its form, its figures, and names that strangers chose."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import robustq
import rows
from commands import robustq as command
from robustq.report.card_evidence import SOURCES
from robustq.report.card_schema import card_schema
from robustq.results.page import write_page
from stored_runs import stored_run

HOSTILE = ("<script>alert(1)</script>", "a](http://example.org)", "x|y\n# heading", "`code`\x1b[31m")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> robustq.Run:
    made = [
        replace(row, domain="A" if int(row.group) < 4 else "B")
        for seed, name in enumerate(("vq", "base"))
        for row in rows.run(name, rows.declining(0.005 * (1 + seed), seed))
    ]
    failed = {"failures": {"secret case": "secret reason"}}
    path = stored_run(tmp_path_factory.mktemp("card") / "run", made)
    document = json.loads((path / "run.json").read_text())
    document["asked"]["data"] |= failed
    (path / "run.json").write_text(json.dumps(document))
    return robustq.Run(path)


def test_a_card_has_the_published_form(run: robustq.Run) -> None:
    schema = json.loads(card_schema())

    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(robustq.card(run).to_json()))
    Draft202012Validator(schema).validate(robustq.card(run, case_names=False).document)


def test_a_card_of_a_real_run_with_a_distance_an_attack_and_an_analysis_has_the_form(tmp_path: Path) -> None:
    models = {
        name: robustq.wrap("unet", quantise=quantise, classes=4, width=8, scales=2)
        for name, quantise in (("vq", "8x4"), ("base", "identity:4"))
    }
    data = "phantom:cases=2,domain=A"
    asked = {"levels": [0, 1], "draws": 1, "out": tmp_path / "run"}
    robustq.stress(models, data, noise=["gaussian"], attack=["fgsm"], metrics="dice,hd95", **asked)
    robustq.analyse(models, data, check="liveness", **(asked | {"draws": 2}))

    made = robustq.card(tmp_path / "run")

    Draft202012Validator(json.loads(card_schema())).validate(json.loads(made.to_json()))
    kinds = {entry["name"]: entry["kind"] for entry in made.document["perturbations"]["entries"]}
    assert kinds["gaussian"] == "perturbation"
    assert kinds["fgsm"] == "attack"
    assert kinds["fgsm (from base)"] == "transferred attack"
    assert made.document["liveness"]["tested"]
    assert "fgsm" not in made.document["not_tried"]["attacks"]
    assert "Article 15(5)" in [item["item"] for item in made.document["perturbations"]["evidence_for"]]


def test_the_figures_are_those_of_the_rows_and_of_the_summary(run: robustq.Run) -> None:
    frame = run.to_frame()
    areas = {
        (domain["domain"], curve["model"], curve["perturbation"]): curve["audc"]
        for domain in run.summary()["domains"]
        for curve in domain["curves"]
    }
    for entry in robustq.card(run).document["results"]["entries"]:
        own = frame[
            (frame["model"] == entry["model"])
            & (frame["domain"] == entry["domain"])
            & (frame["perturbation"] == entry["perturbation"])
        ]
        means: pd.Series = own.groupby(["level", "group", "label"])["value"].mean().groupby("level").mean()
        assert entry["level_0"]["mean"] == pytest.approx(means[0.0])
        assert entry["worst_level"]["level"] == 30
        assert entry["worst_level"]["mean"] == pytest.approx(means[30.0])
        assert entry["worst_level"]["retention"] == pytest.approx(means[30.0] / means[0.0])
        assert entry["audc"]["value"] == pytest.approx(areas[entry["domain"], entry["model"], entry["perturbation"]])
        for record, name in ((entry["worst_level"], "mean"), (entry["audc"], "value")):
            assert record["low"] < record[name] < record["high"]


def test_the_page_and_the_card_say_the_same_interval(run: robustq.Run, tmp_path: Path) -> None:
    page = write_page(run.directory.path, tmp_path / "page.html").read_text()

    for entry in robustq.card(run).document["results"]["entries"]:
        assert f'data-low="{entry["worst_level"]["low"]!r}"' in page


def test_a_card_says_evidence_and_never_that_a_model_complies(run: robustq.Run) -> None:
    text = robustq.card(run).to_markdown()

    assert "*Evidence for: " in text
    assert "does not say that a model or its maker complies" in text
    assert text.count("compl") == 1
    for items in (
        part["evidence_for"]
        for part in robustq.card(run).document.values()
        if isinstance(part, dict) and "evidence_for" in part
    ):
        assert {item["source"] for item in items} <= set(SOURCES)


def test_what_was_not_tried_is_named(run: robustq.Run) -> None:
    missing = robustq.card(run).document["not_tried"]

    assert "jpeg" in missing["perturbations"]
    assert "gaussian" not in missing["perturbations"]
    assert "pgd" in missing["attacks"]
    assert missing["highest_level"] == 30
    assert "liveness" in missing["analyses"]


def test_cases_can_be_numbered(run: robustq.Run) -> None:
    named, numbered = (robustq.card(run, case_names=names) for names in (True, False))

    assert "secret case" in named.to_markdown()
    for text in (numbered.to_markdown(), numbered.to_json()):
        assert "secret" not in text
        assert "case 1 (" in text or '"case 1"' in text
    assert numbered.document["known_failures"]["failed_cases"]["number"] == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(name: str, tmp_path: Path) -> None:
    made = [
        replace(row, case=name + row.case, dataset=name, label=name, domain=name)
        for row in rows.run(name, rows.declining(0.01, 0), groups=2, noises=("gaussian",), labels=("a",))
    ]
    text = robustq.card(stored_run(tmp_path / "run", made)).to_markdown()

    assert "<script>" not in text
    assert "](http" not in text
    assert "\n# heading" not in text
    assert "\x1b" not in text


def test_the_command_prints_markdown_json_and_the_schema(run: robustq.Run, tmp_path: Path) -> None:
    path = run.directory.path

    assert command("card", path, cwd=tmp_path).stdout == robustq.card(run).to_markdown()
    assert json.loads(command("card", path, "--json", cwd=tmp_path).stdout) == robustq.card(run).document
    assert command("card", "--schema", cwd=tmp_path).stdout == card_schema()
    refused = command("card", "--json", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
