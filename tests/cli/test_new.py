"""A stranger's plugin, from `robustq new` to its use."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from robustq import registry
from robustq.errors import RequestError
from robustq_cli.new import new, plugin

NAMES = {word: f"try-{word}" for word in registry.KINDS.values()}


def run(*command: object, cwd: Path) -> str:
    environment = os.environ | {"COLUMNS": "120"}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with a plugin of every kind, and the Python of an environment into which they are installed."""
    folder = tmp_path_factory.mktemp("strangers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for word, name in NAMES.items():
            new("plugin", name, kind=word)
    run(sys.executable, "-m", "venv", "--without-pip", "fresh", cwd=folder)
    python = folder / "fresh" / "bin" / "python"
    # The libraries are those of this environment, editable ones included: nothing is downloaded.
    (here,) = (folder / "fresh" / "lib").glob("python*/site-packages")
    (here / "libraries.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    # Not editable: that would need one more library than hatchling.
    plugins = [folder / name for name in NAMES.values()]
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", *plugins, cwd=folder)
    return folder, python


def test_plugins_of_every_kind_keep_their_contracts_once_installed(fresh: tuple[Path, Path]) -> None:
    folder, python = fresh
    tests = [folder / name / "tests" for name in NAMES.values()]
    told = run(python, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", *tests, cwd=folder)
    assert f"{3 * len(NAMES)} passed" in told


def test_installed_plugins_are_listed(fresh: tuple[Path, Path]) -> None:
    folder, python = fresh
    code = "from robustq_cli.main import app; [app(['list', kind], standalone_mode=False) for kind in KINDS]"
    told = run(python, "-c", f"KINDS = {list(registry.KINDS)}; {code}", cwd=folder)
    for name in NAMES.values():
        assert f"{name} 0.1.0" in " ".join(told.split())


def test_a_perturbation_and_a_metric_of_strangers_are_used_in_stress(fresh: tuple[Path, Path]) -> None:
    folder, python = fresh
    words = ["stress", "--noise", "try-perturbation", "--metrics", "try-metric", "--levels", "0,30", "--draws", "1"]
    code = "from robustq_cli.main import main; main()"
    told = run(python, "-c", code, *words, "--split", "all", "--data", "phantom:cases=2", cwd=folder)
    assert "try-metric on phantom" in told
    assert "try-perturbation" in told


def test_what_is_written_is_as_our_own_code_is_linted(fresh: tuple[Path, Path]) -> None:
    folder, _ = fresh
    rules = ["--select", "E,F,W,I,B,UP,C4,SIM,RET,PIE", "--line-length", "120"]
    for name in NAMES.values():
        run(sys.executable, "-m", "ruff", "check", "--isolated", *rules, cwd=folder / name)
        run(sys.executable, "-m", "ruff", "format", "--isolated", "--check", *rules[-2:], cwd=folder / name)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_no_placeholder_is_left(kind: str) -> None:
    written = plugin("my-item", kind)
    assert set(written) == {
        "README.md",
        "pyproject.toml",
        f"src/my_item/{registry.KINDS[kind]}.py",
        "src/my_item/__init__.py",
        "tests/test_my_item.py",
    }
    assert not [file for file, text in written.items() if "$" in text]


@pytest.mark.parametrize(
    ("what", "name", "kind", "words"),
    [
        ("plugin", "here", "quantiser", "here exists already"),
        ("plugin", "My_Noise", "perturbation", "cannot name a plugin: use lower-case letters"),
        ("plugin", "../up", "perturbation", "cannot name a plugin"),
        ("plugin", "class", "perturbation", "cannot name a plugin"),
        ("plugin", "my-noise", "pertubation", "unknown kind 'pertubation': did you mean perturbation"),
        ("plugin", "gauss", "perturbations", "robustq already has the perturbation 'gauss'"),
        ("plugin", "json", "metric", "an installed module"),
        ("plug", "my-noise", "metric", "unknown thing to write 'plug': did you mean plugin"),
    ],
)
def test_what_cannot_be_written_is_refused(
    what: str, name: str, kind: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises(RequestError, match=words):
        new(what, name, kind=kind)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
