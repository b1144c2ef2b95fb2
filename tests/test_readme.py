"""The documents keep their promises: Python code in them runs, and links lead to files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "plugins/README.md",
    *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")),
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


def test_the_readme_leads_to_every_page_of_docs() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{path.name}" for path in ROOT.glob("docs/*.md")} <= linked
