"""A reader who types what the pages say, word by word, gets what they promise."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from document_blocks import followed, robustq_commands
from robustq_cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("docs/**/*.md"))]
FOLLOWED = [
    "README.md",
    "docs/index.md",
    "docs/tutorial.md",
    "docs/how-to/smp.md",
    "docs/how-to/monai.md",
    "docs/how-to/torchio.md",
    "docs/how-to/lightning.md",
    "docs/how-to/hugging-face.md",
    "docs/how-to/plugin.md",
]
"""Pages that need robustq and its extras alone. The page on nnU-Net needs data of nnU-Net."""


@pytest.mark.parametrize("page", ["README.md", "plugins/README.md", *PAGES])
def test_every_command_of_a_page_has_options_that_exist(page: str) -> None:
    group = typer.main.get_command(app)
    for words in robustq_commands(ROOT / page):
        with typer.Context(group, info_name="robustq") as context:
            command, rest = words[0], words[1:]
            inner = group.get_command(context, command)  # type: ignore[attr-defined]
            assert inner is not None, command
            inner.make_context(command, rest, parent=context)


@pytest.mark.parametrize("page", FOLLOWED)
def test_the_python_code_of_a_followed_page_compiles(page: str) -> None:
    found = followed(ROOT / page)
    assert any(block.is_shell for block in found)
    for block in found:
        if block.language == "python":
            compile(block.text, page, "exec")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment in which the wheel is installed as users install it, and Lightning."""
    folder = tmp_path_factory.mktemp("fresh")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, f"{wheel}[monai,hf]", "lightning"], check=True)
    return folder / "venv"


@pytest.mark.long
@pytest.mark.xdist_group("fresh environment")
@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_can_be_followed_word_by_word_in_a_fresh_environment(
    page: str, environment: Path, tmp_path: Path
) -> None:
    variables = {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path), "OMP_NUM_THREADS": "2"}
    for block in followed(ROOT / page):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text)
        else:
            # `make` belongs to a checkout: the next test.
            text = "\n".join(line for line in block.text.splitlines() if not line.startswith("make "))
            command = ["bash", "-euo", "pipefail", "-c"] if block.is_shell else ["python", "-c"]
            done = subprocess.run([*command, text], cwd=tmp_path, env=variables, capture_output=True, text=True)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    if page == "docs/tutorial.md":
        assert (tmp_path / "runs/tutorial/report.html").exists()


@pytest.mark.long
def test_make_demo_installs_a_checkout_and_runs_the_demonstration(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(lambda name: (ROOT / name).exists(), tracked.splitlines()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    done = subprocess.run(["make", "demo"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "dice on phantom" in done.stdout
