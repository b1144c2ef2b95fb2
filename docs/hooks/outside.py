"""Shows a page of the repository that stands outside docs/ on the site too, and turns links to it."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
OUTSIDE = {"plugins/README.md": "plugins.md"}
"""A page of the repository, and its place on the site."""

LINK = re.compile(r"\]\(([^)\s#]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages to those of the site."""
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text, in which links to such a page lead to its place on the site."""
    folder = posixpath.dirname(page.file.src_uri)

    def turned(link: re.Match[str]) -> str:
        place = OUTSIDE.get(posixpath.normpath(posixpath.join("docs", folder, link[1])))
        return f"]({posixpath.relpath(place, folder or '.')}" if place else link[0]

    return LINK.sub(turned, markdown)
