"""`robustq list` says what every item does, and imports none."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from robustq import registry
from robustq.request.names import PRESETS
from robustq_cli.main import app

ITEMS = [(kind, item) for kind in registry.KINDS for item in registry.items(kind)]


def listed(*words: str) -> Result:
    result = CliRunner().invoke(app, ["list", *words])
    assert result.exit_code == 0
    return result


@pytest.mark.parametrize(("kind", "item"), ITEMS, ids=[f"{kind} {item.name}" for kind, item in ITEMS])
def test_every_item_of_ours_says_in_one_plain_sentence_what_it_does(kind: str, item: registry.Item) -> None:
    if item.distribution == "robustq":
        assert item.description.endswith(".")
        assert 4 <= len(item.description.split()) <= 25
        assert not set("·^|∩√δγλτ") & set(item.description), "a formula needs its symbols explained"


PERTURBATIONS = registry.items("perturbations")


@pytest.mark.parametrize("item", PERTURBATIONS, ids=[item.name for item in PERTURBATIONS])
def test_every_perturbation_says_what_a_level_means(item: registry.Item) -> None:
    if item.distribution == "robustq":
        assert item.rule.startswith("At level L, ")
        assert item.rule.endswith(".")
        assert "L" in item.rule.removeprefix("At level L, ")
        (line,) = [line for line in listed("perturbations").stdout.splitlines() if line.startswith(f"{item.name} ")]
        assert line.endswith(f"{item.description} {item.rule}")


def test_the_table_of_rules_has_every_perturbation_in_the_same_words() -> None:
    definitions = (Path(__file__).parents[2] / "docs/definitions.md").read_text()
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \| .+ \|$", definitions, re.MULTILINE))
    ours = [item for item in PERTURBATIONS if item.distribution == "robustq"]
    assert rows == {item.name: item.rule.removeprefix("At level L, ").removesuffix(".") for item in ours}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gaussian", {"sigma": 0.3 * 255}),
        ("brightness", {"largest_shift": 0.3 * 255}),
        ("contrast", {"largest_gain": 8**0.3}),
        ("gamma", {"largest_gamma": 5**0.3}),
        ("bias-field", {"typical_gain": 2**0.3}),
        ("spike", {"amplitude": 0.3}),
        ("blur", {"largest_deviation": 0.03}),
        ("defocus", {"largest_radius": 0.3 / 8}),
        ("anisotropy", {"largest_spacing": 0.3 / 8}),
        ("pixelate", {"share": 0.3 / 8}),
        ("ghosting", {"intensity": 30 / 50}),
        ("jpeg", {"scale": 30**2 / 200}),
        ("motion", {"largest_turn": 9, "largest_shift": 0.15 * 0.3}),
        ("affine", {"largest_turn": 13.5, "largest_shift": 0.06, "largest_scale": 1.5**0.3}),
        ("elastic", {"largest_displacement": 0.03}),
    ],
)
def test_the_numbers_of_a_rule_are_those_in_the_rows(name: str, parameters: dict[str, float]) -> None:
    limits = torch.tensor([[0.0, 255.0]], dtype=torch.float64)
    stored = registry.load("perturbations", name)().parameters(30, limits)
    assert {key: stored[key] for key in parameters} == pytest.approx(parameters)


def test_items_that_share_a_class_are_told_apart() -> None:
    descriptions = [item.description for item in registry.items("architectures")]
    assert len(set(descriptions)) == len(descriptions)


def test_a_kind_is_listed_with_what_each_item_does() -> None:
    lines = listed("perturbations").stdout.splitlines()
    assert len(lines) == len(registry.names("perturbations"))
    (line,) = [line for line in lines if line.startswith("gaussian ")]
    assert line.split(maxsplit=3) == [
        *("gaussian", "(or", "gauss)"),
        "Add white noise to every value of the image. "
        "At level L, the standard deviation of the noise is L % of the intensity range.",
    ]


def test_json_has_the_descriptions_too() -> None:
    documents = json.loads(listed("metrics", "--json").stdout), json.loads(listed("--json").stdout)
    for document in documents:
        (dice,) = [item for item in document["metrics"] if item["name"] == "dice"]
        assert dice["description"] == "Overlap of prediction and truth: 1 for equal masks, 0 without overlap."
        assert dice["distribution"] == "robustq"
    assert set(documents[1]) == {*registry.KINDS, "presets"}


def test_presets_are_listed_with_their_members() -> None:
    lines = [line.split(maxsplit=1) for line in listed("presets").stdout.splitlines()]
    assert {name: tuple(members.rstrip(".").split(", ")) for name, members in lines} == PRESETS
    document = json.loads(listed("presets", "--json").stdout)
    assert {preset["name"]: tuple(preset["members"]) for preset in document["presets"]} == PRESETS


def test_without_a_kind_the_names_of_each_stand_on_one_line() -> None:
    lines = [line.split(maxsplit=1) for line in listed().stdout.splitlines()]
    assert [kind for kind, _ in lines] == [*registry.KINDS, "presets"]
    assert dict(lines)["metrics"].strip() == "ace, assd, brier, dice, ece, hausdorff, hd95, iou, nll, nsd"


def test_a_kind_without_items_is_listed_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.KINDS, "shapes", "shape")
    assert "shapes         none is installed" in listed().stdout
    assert listed("shapes").stdout == ""
    assert "No shape is installed." in listed("shapes").stderr
    assert json.loads(listed("shapes", "--json").stdout) == {"shapes": []}


def test_a_strangers_item_is_described_without_being_imported(tmp_path: Path) -> None:
    package = tmp_path / "strange" / "noises"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("raise RuntimeError('it was imported')\n")
    (package / "hiss.py").write_text(
        'raise RuntimeError()\n\nclass Hiss:\n    """Hiss [loudly], as a cat does. Or so."""\n'
    )
    metadata = tmp_path / "strange-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text("[robustq.perturbations]\nhiss = strange.noises.hiss:Hiss\n")
    done = subprocess.run(
        [sys.executable, "-m", "robustq", "list", "perturbations"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("hiss ")]
    assert line.split(maxsplit=1)[1] == "Hiss [loudly], as a cat does. (from strange 1.2)"
