"""robustq doctor: what is installed, what is missing, and what this machine can do."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Annotated, Any

import typer

from robustq_cli import console


def doctor(json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False) -> int:
    """Show versions, devices and extras, and try every registered item. Exit status 1 if the core is incomplete."""
    needed, extras = _requirements()
    core = {name: _version(name) for name in needed}
    missing = [name for name, found in core.items() if found is None]
    report: dict[str, Any] = {
        "robustq": version("robustq"),
        "python": platform.python_version(),
        "libraries": core,
        "devices": {} if "torch" in missing else _devices(),
        "extras": {
            extra: {
                "installed": not any(_version(name) is None for name in names),
                "pip": f"pip install 'robustq[{extra}]'",
            }
            for extra, names in extras.items()
        },
        "items": {} if missing else _items(),
    }
    if json:
        console.print_json(report)
    else:
        _print(report)
    if missing:
        console.say(f"missing: {', '.join(missing)}; bring them with pip install --force-reinstall robustq")
    return 1 if missing else 0


def _print(report: dict[str, Any]) -> None:
    lines = {"robustq": report["robustq"], "python": report["python"]}
    lines |= {name: found or "missing" for name, found in report["libraries"].items()}
    lines |= {name: str(found) for name, found in report["devices"].items()}
    lines |= {
        f"extra {extra}": "installed" if state["installed"] else f"not installed: {state['pip']}"
        for extra, state in report["extras"].items()
    }
    lines |= {
        f"{kind}": ", ".join(f"{name} ({state})" if state != "ok" else name for name, state in found.items())
        for kind, found in report["items"].items()
    }
    console.print_pairs({name: value.replace("[", r"\[") for name, value in lines.items()})


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """The libraries that robustq declares: those it needs, and those of each extra."""
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    for line in requires("robustq") or []:
        name = re.split(r"[ ;<>=!~\[]", line, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([^'\"]+)", line)
        (extras.setdefault(extra.group(1), []) if extra else needed).append(name)
    return needed, extras


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _devices() -> dict[str, Any]:
    import torch

    from robustq.predict import choose_precision

    found: dict[str, Any] = {
        "processor": f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, training in "
        f"{choose_precision('auto', torch.device('cpu'))}",
    }
    for number in range(torch.cuda.device_count()):
        found[f"cuda:{number}"] = torch.cuda.get_device_name(number)
    if "cuda:0" not in found:
        found["cuda"] = "none"
    return found


def _items() -> dict[str, dict[str, str]]:
    """Every registered item by kind: "ok", or why it cannot be loaded."""
    from robustq import registry

    found: dict[str, dict[str, str]] = {}
    for kind in registry.KINDS:
        for name in registry.names(kind):
            try:
                registry.load(kind, name)
                state = "ok"
            except Exception as error:  # a stranger's plugin may fail in any way, and the doctor says how
                state = f"{type(error).__name__}: {error}"
            found.setdefault(kind, {})[name] = state
    return found
