"""Writes the options of every command into the page command-line.md, from the application itself."""

from collections.abc import Iterator
from typing import Any

import typer.main
from rich.text import Text

PAGE = "command-line.md"
MARK = "<!-- the commands -->"

PLAIN = str.maketrans({character: f"\\{character}" for character in "\\`*_<>|[]"})
"""Characters that mean something in Markdown, and none of them does in a help text."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of the page, with a section for each command in place of the mark."""
    if page.file.src_uri != PAGE:
        return markdown
    return markdown.replace(MARK, "\n".join(sections()))


def sections() -> Iterator[str]:
    """The lines of all sections."""
    from robustq_cli.main import app

    group = typer.main.get_command(app)
    yield from _commands(group, typer.Context(group, info_name="robustq"))


def _commands(group: Any, context: Any) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = typer.Context(command, info_name=name, parent=context)
        if hasattr(command, "list_commands"):
            yield from _commands(command, inner)
        else:
            yield from _section(command, inner)


def _section(command: Any, context: Any) -> Iterator[str]:
    path = context.command_path.removeprefix("robustq ")
    shown = [param for param in command.get_params(context) if not param.hidden]
    pieces = " ".join(piece for param in shown for piece in param.get_usage_pieces(context))
    yield from ("", f"## {path}", "", f"    robustq {path} [OPTIONS] {pieces}".rstrip(), "", _plain(command.help), "")
    panels: dict[str, list[Any]] = {}
    for param in shown:
        panels.setdefault(param.rich_help_panel or "Options", []).append(param)
    for panel, params in panels.items():
        yield from (f"| {panel} | |", "|---|---|", *(_row(param, context) for param in params), "")
    yield from _examples(command.epilog)


def _row(param: Any, context: Any) -> str:
    name, text = param.get_help_record(context)
    return f"| `{' '.join(name.split())}` | {_plain(' '.join(text.split()))} |"


def _plain(text: str | None) -> str:
    return (text or "").translate(PLAIN)


def _examples(epilog: str | None) -> Iterator[str]:
    """The paragraphs below the options: what an example is for, then its commands."""
    for paragraph in Text.from_markup(epilog or "").plain.split("\n\n"):
        purpose, *commands = paragraph.splitlines() or [""]
        if commands:
            yield from (_plain(purpose), "", *(f"    {command}" for command in commands), "")
