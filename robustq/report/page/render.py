"""Renders a page as one HTML file that needs no network."""

import base64
import hashlib
import math
from importlib.resources import files

from robustq.report.page.chart import charts
from robustq.report.page.contents import Page
from robustq.report.page.matrix import matrix
from robustq.report.page.verdict import SETTLED
from robustq.report.page.words import words


def render(page: Page) -> str:
    """The page as HTML. Every name in it is text: templates escape it, and the page forbids any script but its own."""
    # Imported here because tables do without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("robustq.report.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["full"] = _full
    environment.filters["data_url"] = _data_url
    templates = files("robustq.report.page") / "templates"
    # Our own two files are the only text that is not escaped.
    style, script = (Markup((templates / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        page=page, style=style, script=script, digest=digest, settled=SETTLED, charts=charts, matrix=matrix, words=words
    )


def _full(value: float) -> str:
    """A figure with all its digits; "" where there is none."""
    return "" if math.isnan(value) else repr(float(value))


def _data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
