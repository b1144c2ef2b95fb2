"""What the shell offers when a word is completed, asked as the shells ask."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from robustq import registry
from robustq_cli.complete_bash import join_colons
from robustq_cli.main import app

SCRIPTS = Path(sys.executable).parent


def completed(shell: str, *words: str) -> list[str]:
    """The words offered for the last of these."""
    asked = {"_ROBUSTQ_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        asked |= {"COMP_WORDS": "\n".join(("robustq", *words)), "COMP_CWORD": str(len(words))}
    else:
        asked |= {"_TYPER_COMPLETE_ARGS": " ".join(("robustq", *words)), "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return CliRunner().invoke(app, env=asked, prog_name="robustq").output.split()


def test_every_command_is_offered() -> None:
    assert completed("bash", "") == [
        "wrap",
        "train",
        "stress",
        "analyse",
        "minimal",
        "shift",
        "study",
        "compare",
        "gate",
        "card",
        "claims",
        "report",
        "show",
        "list",
        "new",
        "doctor",
        "data",
    ]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("wrap", "--arch", "un"), ["unet"]),
        (("wrap", "--quantise", "id"), ["identity"]),
        (("wrap", "--skips", ""), ["keep", "drop", "quantise"]),
        (("stress", "--noise", "gaussian,sp"), ["gaussian,speckle", "gaussian,spike"]),
        (("analyse", "--noise", "gaussian+blur,bl"), ["gaussian+blur,blur"]),
        (("stress", "--noise", "gaussian+bl"), ["gaussian+blur"]),
        (("stress", "--attack", "fgsm,seg"), ["fgsm,segpgd"]),
        (("minimal", "--attack", "b"), ["bpda"]),
        (("stress", "--metrics", "dice,h"), ["dice,hausdorff", "dice,hd95"]),
        (("stress", "--preset", ""), ["mri", "ct", "xray", "all"]),
        (("stress", "--data", "ph"), ["phantom"]),
        (("stress", "--data", ""), []),
        (("stress", "--model", "vq"), []),
        (("analyse", "--check", "taylor,oc"), ["taylor,occupancy"]),
        (("list", ""), [*registry.KINDS, "presets"]),
        (("new", "plugin", "mine", "--kind", "q"), ["quantiser"]),
    ],
)
def test_names_are_completed(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed("bash", *words) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_complete_too(shell: str) -> None:
    (line,) = [word for word in completed(shell, "wrap", "--arch", "smp:unetp") if "smp" in word]
    assert "unetplusplus" in line


@pytest.mark.parametrize(
    ("words", "place", "joined"),
    [
        (["robustq", "wrap", "--arch", "smp", ":", "u"], 5, (["robustq", "wrap", "--arch", "smp:u"], 3)),
        (["robustq", "wrap", "--arch", "smp", ":"], 4, (["robustq", "wrap", "--arch", "smp:"], 3)),
        (["robustq", "wrap", "--arch", "smp", ":", "unet", ""], 6, (["robustq", "wrap", "--arch", "smp:unet", ""], 4)),
        (["robustq", "list"], 2, (["robustq", "list"], 2)),
    ],
)
def test_what_bash_split_at_a_colon_is_joined(words: list[str], place: int, joined: tuple[list[str], int]) -> None:
    assert join_colons(words, place) == joined


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_a_name_with_a_colon_once_completion_is_installed(tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    install = "robustq --install-completion; echo status $?"  # the shell is found by its process
    done = subprocess.run(["bash", "-c", install], env=environment, capture_output=True, text=True)
    assert "bash completion installed" in done.stdout, done.stderr
    assert "status 0" in done.stdout
    ask = (
        f"source {tmp_path}/.bashrc; COMP_WORDS=(robustq wrap --arch smp : u); COMP_CWORD=5; "
        "$(complete -p robustq | sed 's/.*-F //; s/ .*//') robustq; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", ask], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["unet", "unetplusplus", "upernet"]
