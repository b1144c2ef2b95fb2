"""The command robustq doctor, which shows what is installed, what is missing, and which devices there are."""

import os
import platform
from importlib.metadata import version
from typing import Any

from robustq_cli import console, options
from robustq_cli.command import examples

EXAMPLES = examples(
    ("Check what is installed, and whether there is a GPU", "robustq doctor"),
    ("The same as JSON, for a program or a bug report", "robustq doctor --json"),
)


def doctor(json: options.Json = False) -> int:
    """Check the installation and the devices of this machine.

    Every registered item is loaded as a test. The exit status is 1 if a library that robustq needs is missing or too
    old.
    """
    from robustq.requirements import Requirement, extra_line, requirements

    core: list[Requirement] = []
    extras: dict[str, list[Requirement]] = {}
    for requirement in requirements():
        (core if requirement.extra is None else extras.setdefault(requirement.extra, [])).append(requirement)
    unmet = [f"{need.name}{need.bounds}" for need in core if not need.met]
    report: dict[str, Any] = {
        "robustq": version("robustq"),
        "python": platform.python_version(),
        "libraries": {
            need.name: need.installed if need.met else f"{need.installed or 'missing'}, needs {need.bounds or 'any'}"
            for need in core
        },
        "devices": {} if unmet else _devices(),
        "extras": {
            extra: {"installed": all(need.met for need in needs), "pip": extra_line(extra)}
            for extra, needs in extras.items()
        },
        "items": {} if unmet else _items(),
    }
    if json:
        console.print_json(report)
    else:
        _print(report)
    if unmet:
        console.say(f"Missing or too old: {', '.join(unmet)}. Install them with pip install --upgrade robustq")
    return 1 if unmet else 0


def _print(report: dict[str, Any]) -> None:
    lines = {"robustq": report["robustq"], "python": report["python"]}
    lines |= report["libraries"]
    lines |= report["devices"]
    lines |= {
        f"extra {extra}": "installed" if state["installed"] else f"not installed: {state['pip']}"
        for extra, state in report["extras"].items()
    }
    lines |= {
        kind: ", ".join(f"{name} ({state})" if state != "ok" else name for name, state in items.items())
        for kind, items in report["items"].items()
    }
    console.print_pairs(lines)


def _devices() -> dict[str, str]:
    import torch

    from robustq.training.precision import training_precision

    devices = {
        "processor": f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, training in "
        f"{training_precision('auto', torch.device('cpu'))[0]}",
    }
    for number in range(torch.cuda.device_count()):
        devices[f"cuda:{number}"] = torch.cuda.get_device_name(number)
    if "cuda:0" not in devices:
        devices["cuda"] = "none"
    return devices


def _items() -> dict[str, dict[str, str]]:
    """The state of every registered item, by kind and name: "ok", or why it cannot be loaded."""
    from robustq import registry

    states: dict[str, dict[str, str]] = {}
    for kind in registry.KINDS:
        for name in registry.names(kind):
            try:
                registry.load(kind, name)
                state = "ok"
            except Exception as error:  # a plugin may fail in any way; the doctor prints the error
                state = f"{type(error).__name__}: {error}"
            states.setdefault(kind, {})[name] = state
    return states
