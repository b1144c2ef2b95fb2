"""The command lines that a run directory was made by, with hardware and time: `commands.json`."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from robustq.results.directory import RunDirectory
from robustq.storage.run_path import RunPath
from robustq.whole_file import whole_file

_NAME = "commands.json"


@dataclass(frozen=True)
class CommandGiven:
    """One command that computed in a run directory; a run that was continued has several.

    Attributes:
        command: the command, such as "stress".
        line: the command line; "" if the run was started from Python.
        hardware: processor, its threads, and the GPU if one was used.
        started: date and time, UTC, as ISO 8601 writes it.
        finished: the same; "" if the command was stopped.
    """

    command: str
    line: str
    hardware: str
    started: str
    finished: str = ""

    @property
    def time(self) -> str:
        """When it began, and how long it took."""
        began = datetime.fromisoformat(self.started)
        if not self.finished:
            return f"{began:%Y-%m-%d %H:%M} UTC, stopped"
        seconds = (datetime.fromisoformat(self.finished) - began).total_seconds()
        took = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
        return f"{began:%Y-%m-%d %H:%M} UTC, {took}"


def commands_given(directory: RunDirectory) -> list[CommandGiven]:
    """The commands of this kind that computed in a directory, in their order; empty where an earlier version wrote."""
    known = [field.name for field in fields(CommandGiven)]
    return [
        CommandGiven(**{name: entry[name] for name in known if name in entry})
        for entry in _read(directory.path)
        if entry["command"] == directory.command
    ]


def command_lines(given: Iterable[CommandGiven]) -> list[str]:
    """The command lines, each once; a run that was started from Python has none."""
    return list(dict.fromkeys(command.line for command in given if command.line))


def hardware_used(given: Iterable[CommandGiven]) -> list[str]:
    """What the commands computed on, each machine once."""
    return list(dict.fromkeys(command.hardware for command in given if command.hardware))


@contextmanager
def recorded(directory: RunDirectory, device: torch.device) -> Iterator[None]:
    """Write into a run directory which command computes there, and at the end that it has finished."""
    path = directory.path
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = CommandGiven(directory.command, _command_line(), _hardware(device), now)
    entries = _read(path)
    _write(path, [*entries, asdict(entry)])
    yield
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    _write(path, [*entries, asdict(replace(entry, finished=finished))])


def _read(path: RunPath) -> list[dict[str, str]]:
    try:
        entries: list[dict[str, str]] = json.loads((path / _NAME).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return []
    return entries


def _write(path: RunPath, entries: list[dict[str, str]]) -> None:
    with whole_file(path / _NAME) as partial:
        partial.write_text(json.dumps(entries, indent=1))


def _command_line() -> str:
    """The command line as it can be given again; "" if the program is not robustq."""
    program, *words = sys.argv
    path = Path(program)
    started = path.stem == "robustq" or path.parts[-2:] == ("robustq", "__main__.py")
    return shlex.join(["robustq", *words]) if started else ""


def _hardware(device: torch.device) -> str:
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), processor)
    except OSError:
        pass
    gpu = [torch.cuda.get_device_name(device)] if device.type == "cuda" else []
    return ", ".join([f"{processor} ({os.cpu_count()} threads)", *gpu])
