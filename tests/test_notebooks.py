"""The notebooks of docs/notebooks run, and what they show was saved by a run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
SETTING = re.compile(r"[A-Z]+")

notebooks = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@notebooks
def test_its_code_runs_with_tiny_settings(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, *others = ("".join(cell["source"]) for cell in code_cells(notebook))
    names: dict[str, object] = {}
    exec(first, names)
    names |= {name: 16 if name == "EXTENT" else 2 for name in names if SETTING.fullmatch(name)}
    for source in others:
        exec(compile(source, notebook.name, "exec"), names)


@notebooks
def test_its_outputs_are_saved_small_and_name_no_machine(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    assert len(text.encode()) < 300_000
    assert not re.search(r"/(?:home|tmp|root|work|Users)/", text)
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output.get("name", output["output_type"]) for cell in cells for output in cell["outputs"]]
    assert set(kinds) <= {"stdout", "execute_result"}
    assert sum("text/html" in output.get("data", {}) for cell in cells for output in cell["outputs"]) >= 3


@pytest.mark.long
@notebooks
@pytest.mark.filterwarnings("ignore")  # of the libraries that run a notebook
def test_it_runs_from_top_to_bottom_in_a_kernel(notebook: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    book = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(book, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    assert not [output for cell in book.cells for output in cell.get("outputs", []) if output.output_type == "error"]
