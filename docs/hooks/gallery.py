"""Writes every registered perturbation, with its rule and its picture, into the page gallery.md."""

from collections.abc import Iterator
from typing import Any

from robustq import registry

PAGE = "gallery.md"
MARK = "<!-- the perturbations -->"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of the page, with a section for each perturbation in place of the mark."""
    return markdown.replace(MARK, "\n".join(sections())) if page.file.src_uri == PAGE else markdown


def sections() -> Iterator[str]:
    """The lines of all sections; a picture that does not exist is an error of the build."""
    for item in registry.items("perturbations"):
        if item.distribution != "robustq":
            continue
        aliases = f" (also {', '.join(f'`{alias}`' for alias in item.aliases)})" if item.aliases else ""
        yield from ("", f"## {item.name}", "", f"{item.description} {item.rule}{aliases}".replace("*", r"\*"), "")
        yield f"![The phantom under {item.name} at 0, 10, 30, 60 and 100 %](images/perturbations/{item.name}.webp)"
