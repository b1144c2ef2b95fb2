"""Shows names that somebody else chose: nothing in them can control a terminal or turn the text around."""

import re
import unicodedata

_TURNS = frozenset(
    "\N{LEFT-TO-RIGHT EMBEDDING}\N{RIGHT-TO-LEFT EMBEDDING}\N{POP DIRECTIONAL FORMATTING}"
    "\N{LEFT-TO-RIGHT OVERRIDE}\N{RIGHT-TO-LEFT OVERRIDE}\N{LEFT-TO-RIGHT ISOLATE}\N{RIGHT-TO-LEFT ISOLATE}"
    "\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}"
)
"""Characters that change the direction of the text after them."""

_CONTROLS = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{''.join(_TURNS)}]")


def printable(text: str) -> str:
    """The text with every control character written out, such as `\\x1b` for the one that begins a terminal's commands.

    Names of cases, labels and models come from files of strangers. Letters of all alphabets stay as they are.
    """
    return "".join(_escaped(character) for character in text)


def lines_of(text: str) -> str:
    """The text as `printable` shows it, but with its lines and tabs."""
    return _CONTROLS.sub(lambda control: _escaped(control[0]), text)


def in_markdown(text: str) -> str:
    """The text as Markdown shows it: no tag, link, code or cell of a stranger's name works."""
    return printable(text).replace("<", "&lt;").replace("](", r"]\(").replace("`", r"\`").replace("|", r"\|")


def in_spreadsheet(text: str) -> str:
    """The text as a cell that a spreadsheet does not compute, as it does one that begins with =, +, - or @."""
    shown = printable(text)
    return f"'{shown}" if re.match(r"[=@]|[+-](?![\d.∞])", shown) else shown


def _escaped(character: str) -> str:
    controls = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _TURNS
    return character.encode("unicode_escape").decode("ascii") if controls else character
