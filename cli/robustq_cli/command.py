"""How the help of a command looks: panels, flags without a type, and worked examples at the end."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

MODELS = "Models"
DATA = "Data"
PERTURBATIONS = "Perturbations"
STATISTICS = "Statistics"
COMPUTE = "Compute"
OUTPUT = "Output"
"""Panels of options, in the order in which commands show them."""

WIDEST = 77
"""Characters of an example's command: it stays on one line of a terminal of 80 columns, so that it can be copied."""


class Command(TyperCommand):
    """A command whose `--help` does not list itself."""

    def get_params(self, ctx: Any) -> list[Any]:  # the types are private to typer
        """The options and arguments."""
        params = _without_types(super().get_params(ctx))
        for param in params:
            param.hidden = getattr(param, "hidden", False) or "--help" in param.opts
        return params


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options and arguments."""
        return _without_types(super().get_params(ctx))


def _without_types(params: list[Any]) -> list[Any]:
    """Neither a flag, which takes no value, nor an argument shows a type such as <bool> or <list[Path]>."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
        elif param.param_type_name == "argument":
            param.display_type_rich = lambda ctx: None
    return params


def prose(docstring: str | None) -> str:
    """A docstring as help: each paragraph is one line, which the terminal breaks where it ends."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (docstring or "").split("\n\n"))


def examples(*pairs: Sequence[str]) -> str:
    """The end of a help text.

    Args:
        *pairs: what an example is for, and its commands, a line each.
    """
    lines = ["[bold]Examples[/]"]
    for purpose, *commands in pairs:
        assert all(len(command) <= WIDEST for command in commands), "an example's command is longer than a line"
        lines += ["", f"{purpose}:", *(command.replace("[", r"\[") for command in commands)]
    return "\n".join(lines)
