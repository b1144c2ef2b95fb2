"""What is heavy is imported when it is needed, not before."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "numpy", "scipy", "pandas", "matplotlib", "sklearn", "torchio", "timm"}


def imported(code: str) -> set[str]:
    """The outermost packages that a fresh Python has imported after the code, or after it ended by itself."""
    code = f"import sys\ntry:\n    {code}\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_importing_robustq_imports_nothing_heavy() -> None:
    assert imported("import robustq") & (HEAVY | {"rich", "typer"}) == set()


@pytest.mark.parametrize("words", [["stress", "--help"], ["list"], ["list", "perturbations"]])
def test_help_and_listings_import_nothing_heavy(words: list[str]) -> None:
    names = imported(f"sys.argv[1:] = {words}; from robustq_cli.main import main; main()")
    assert "robustq_cli" in names
    assert names & HEAVY == set()
    assert [name for name in names if name.startswith("robustq_") and name != "robustq_cli"] == []


def test_completing_a_name_imports_nothing_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ROBUSTQ_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "robustq\nstress\n--noise\nga")
    monkeypatch.setenv("COMP_CWORD", "3")
    names = imported("from robustq_cli.main import main; main()")
    assert "robustq_cli" in names
    assert names & (HEAVY | {"rich"}) == set()


@pytest.mark.parametrize("words", [["--noise", "blurr"], ["--model", "no"]])
def test_a_wrong_word_is_refused_before_anything_heavy_is_imported(words: list[str]) -> None:
    names = imported(f"sys.argv[1:] = {['stress', *words]}; from robustq_cli.main import main; main()")
    assert names & (HEAVY | {"rich"}) == set()
