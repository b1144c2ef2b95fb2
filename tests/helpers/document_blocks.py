"""The blocks of code in a Markdown document, in their order."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?$')
INDENT = "    "


@dataclass(frozen=True)
class Block:
    """A block of code: its language (`indented` for a block without fences), the file that it is, its text."""

    language: str
    file: str | None
    text: str

    @property
    def is_shell(self) -> bool:
        """Whether a reader types it into a shell."""
        return self.language in ("bash", "indented")


def blocks(document: Path) -> Iterator[Block]:
    """All blocks of a document."""
    lines = [*document.read_text().splitlines(), ""]
    before = ""
    while lines:
        line = lines.pop(0)
        if fence := FENCE.match(line):
            end = lines.index("```")
            yield Block(fence[1], fence[2], "\n".join(lines[:end]))
            del lines[: end + 1]
        elif line.startswith(INDENT) and not before:
            text = [line]
            while lines and (lines[0].startswith(INDENT) or not lines[0]):
                text.append(lines.pop(0))
            yield Block("indented", None, "\n".join(words.removeprefix(INDENT) for words in text))
        before = line


def followed(document: Path) -> list[Block]:
    """What a reader writes into files, types into a shell and runs in Python.

    Where a document has blocks of `bash`, its indented blocks only show how a command looks: they name files that the
    reader does not have.
    """
    found = list(blocks(document))
    typed = "bash" if any(block.language == "bash" for block in found) else "indented"
    return [block for block in found if block.file is not None or block.language in (typed, "python")]


def robustq_commands(document: Path) -> Iterator[list[str]]:
    """The words of every command `robustq ...` in a document; what a shell does with its answer is left out."""
    for block in blocks(document):
        if block.is_shell or not block.language:
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.startswith("robustq "):
                    yield shlex.split(re.split(r" (?:\|\||>)", line)[0], comments=True)[1:]
