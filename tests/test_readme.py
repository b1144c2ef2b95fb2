"""The documents keep their promises: Python code in them runs, and links lead to files."""

import re
import tomllib
from pathlib import Path

import pytest

import robustq
from robustq import registry

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "plugins/README.md",
    *(path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("docs/**/*.md"))),
]
MAX_LINES = 130

LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """What a link can name after a #: the headings, as GitHub spells them."""
    headings = HEADING.findall(document.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_the_python_code_of_a_document_runs(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((ROOT / document).read_text())
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, document, "exec"), names)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(document: str) -> None:
    source = ROOT / document
    for link in LINK.findall(source.read_text()):
        if link.startswith("http"):
            continue
        path, _, heading = link.partition("#")
        target = source.parent / path if path else source
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_LINES


def test_the_readme_leads_to_every_page_of_docs_itself_or_by_the_first_page_of_the_site() -> None:
    linked = {ROOT / link for link in LINK.findall((ROOT / "README.md").read_text())}
    assert ROOT / "docs/index.md" in linked
    linked |= {ROOT / "docs" / link for link in LINK.findall((ROOT / "docs/index.md").read_text())}
    assert set(ROOT.glob("docs/**/*.md")) <= linked


def test_the_python_reference_names_every_public_name_and_every_contract() -> None:
    shown = set(re.findall(r"^::: (\S+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE))
    contracts = set(re.findall(r"`(robustq\.\w+\.\w+)`", (ROOT / "plugins/README.md").read_text().split("## Start")[0]))
    assert len(contracts) == len(registry.KINDS)
    assert shown == {f"robustq.{name}" for name in robustq.__all__} | contracts


def test_the_gallery_has_a_picture_of_every_perturbation_of_ours_and_no_other() -> None:
    ours = {item.name for item in registry.items("perturbations") if item.distribution == "robustq"}
    assert {path.stem for path in ROOT.glob("docs/images/perturbations/*.webp")} == ours


def test_the_citation_names_the_version_and_the_paper() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"version: {project['version']}\n" in citation
    assert f"license: {project['license']}\n" in citation
    assert "title: Vector Quantisation for Robust Segmentation" in citation
