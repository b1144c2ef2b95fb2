"""What the help of each command shows, and where."""

import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from robustq_cli.main import app

GROUP: Any = get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands
STAGES = {
    "Make a model": ["wrap", "train"],
    "Measure it": ["stress", "analyse", "minimal", "shift", "study"],
    "Read results": ["compare", "gate", "card", "claims", "report", "show"],
    "The toolbox": ["list", "new", "doctor", "data"],
}
OPTIONS = [
    pytest.param(command, option, id=f"{name} {option.opts[0]}")
    for name, command in COMMANDS.items()
    for option in command.params
    if not option.hidden
]
EXAMPLES = [
    (name, line)
    for name, command in COMMANDS.items()
    for line in command.epilog.splitlines()
    if line.startswith(("robustq ", "pip "))
]


def shown(*words: str, columns: int = 80) -> str:
    """The help as a terminal so wide shows it, without colours."""
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": str(columns)})
    assert result.exit_code == 0
    return re.sub(r"\x1b\[[\d;]*m", "", result.output)


def panel(text: str, title: str) -> list[str]:
    """The lines of a panel."""
    (inside,) = re.findall(rf"╭─ {title} ─+╮\n(.*?)╰", text, re.DOTALL)
    return [line.strip("│ ") for line in inside.splitlines()]


def test_commands_stand_by_stage_of_work_in_one_line_each() -> None:
    text = shown()
    assert {stage: [line.split()[0] for line in panel(text, stage)] for stage in STAGES} == STAGES


def test_the_exit_statuses_are_listed() -> None:
    assert re.findall(r"^ (\d+) +\w", shown().partition("Exit status")[2], re.MULTILINE) == [
        *("0", "1", "2", "3", "4", "5", "6", "130", "143")
    ]


def test_stress_has_its_options_in_panels() -> None:
    text = shown("stress")
    panels = ("Models", "Data", "Perturbations", "Statistics", "Output", "Compute")
    first = [next(line for line in panel(text, title) if line.startswith("--")).split()[0] for title in panels]
    assert first == ["--model", "--data", "--noise", "--metrics", "--out", "--device"]


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_the_help_of_an_option_is_a_whole_phrase_that_names_its_choices(command: Any, option: Any) -> None:
    assert option.help.endswith(".")
    assert len(option.help.split()) >= 4
    offered = [item.value for item in option.shell_complete(command.context_class(command), "")]
    if option.opts[0] not in ("--arch", "--quantise", "--noise"):  # `robustq list` has these
        assert [word for word in offered if word.partition(",")[0] not in option.help] == []


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_of_a_help_is_wider_than_the_terminal(command: str, columns: int) -> None:
    assert max(map(len, shown(command, columns=columns).splitlines())) <= columns


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_ends_with_two_examples(command: str) -> None:
    assert COMMANDS[command].epilog.count(":\n") == 2


@pytest.mark.parametrize(("command", "example"), EXAMPLES)
def test_an_example_stands_on_one_line_and_is_understood(command: str, example: str) -> None:
    for columns in (80, 120):
        assert f" {example}" in [line.rstrip() for line in shown(command, columns=columns).splitlines()]
    program, name, *words = shlex.split(example)
    if program == "robustq":
        COMMANDS[name].make_context(name, words)


@pytest.mark.parametrize("command", ["wrap", "train", "minimal", "compare", "report", "show", "new"])
def test_a_command_that_needs_words_shows_its_help_without_any(command: str) -> None:
    asked, silent = (
        subprocess.run([sys.executable, "-m", "robustq", command, *words], capture_output=True, text=True)
        for words in (["--help"], [])
    )
    assert (silent.returncode, silent.stderr) == (0, "")
    assert silent.stdout.strip() == asked.stdout.strip()
    assert f"robustq {command} [OPTIONS]" in silent.stdout


@pytest.mark.parametrize("command", ["stress", "analyse", "list", "doctor"])
def test_a_command_that_needs_no_words_runs_without_any(command: str) -> None:
    assert not COMMANDS[command].no_args_is_help


def test_the_package_is_run_by_its_name() -> None:
    done = subprocess.run([sys.executable, "-m", "robustq", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("robustq ")
