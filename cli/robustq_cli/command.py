"""Sets how the help of a command looks: panels, flags without a type, and examples at the end."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from typer.core import TyperCommand, TyperGroup

from robustq.errors import RequestError

MODELS = "Models"
DATA = "Data"
PERTURBATIONS = "Perturbations"
STATISTICS = "Statistics"
COMPUTE = "Compute"
OUTPUT = "Output"
"""Panels of options, in the order in which commands show them."""

WIDEST = 77
"""Largest length of an example's command: it stays on one line of an 80-column terminal and can be copied."""


class Command(TyperCommand):
    """A command whose help does not list the option `--help`."""

    def get_params(self, ctx: Any) -> list[Any]:  # the types are private to typer
        """The options and arguments."""
        params = _without_types(super().get_params(ctx))
        for param in params:
            param.hidden = getattr(param, "hidden", False) or "--help" in param.opts
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the command.

        Raises:
            RequestError: an option that takes several values in one text, or data, is given two different texts, of
                which one would be lost. Of two numbers, names or files the last one counts, as in other programs.
        """
        if not ctx.resilient_parsing:  # then a shell completes words
            for param in self.get_params(ctx):
                if param.param_type_name == "option" and not param.multiple and _takes_several(str(param.metavar)):
                    _check_given_once(args, param.opts)
        return super().parse_args(ctx, args)


def _takes_several(metavar: str) -> bool:
    return metavar in ("NUMBERS", "NAMES", "TARGETS", "PARTS", "DATA") or "," in metavar


def _check_given_once(args: Sequence[str], names: Sequence[str]) -> None:
    """Refuse two different values of an option, whose names these are."""
    values = [following for word, following in pairwise(args) if word in names]
    values += [value for name, equals, value in (word.partition("=") for word in args) if equals and name in names]
    if len({*values}) > 1:
        raise RequestError(
            f"{names[-1]} was given {len(values)} times ({', '.join(values)}): give it once; where it takes several "
            "values, separate them by commas"
        )


class Group(TyperGroup):
    """A group of commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands. Those that are groups come last; typer would begin the help with their panel."""
        return sorted(super().list_commands(ctx), key=lambda name: isinstance(self.commands[name], Group))

    def get_params(self, ctx: Any) -> list[Any]:
        """The options and arguments."""
        return _without_types(super().get_params(ctx))


def _without_types(params: list[Any]) -> list[Any]:
    """The parameters, changed so that flags and arguments show no type such as <bool> or <list[Path]>."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
        elif param.param_type_name == "argument":
            param.display_type_rich = lambda ctx: None
    return params


def prose(docstring: str | None) -> str:
    """A docstring as help text: each paragraph becomes one line, and the terminal wraps it."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (docstring or "").split("\n\n"))


def examples(*pairs: Sequence[str]) -> str:
    """The examples at the end of a help text.

    Args:
        *pairs: what an example is for, then its commands, one on each line.
    """
    lines = ["[bold]Examples[/]"]
    for purpose, *commands in pairs:
        assert all(len(command) <= WIDEST for command in commands), "an example's command is longer than a line"
        lines += ["", f"{purpose}:", *(command.replace("[", r"\[") for command in commands)]
    return "\n".join(lines)
