"""The libraries that robustq needs, which versions are installed, and the pip line for a missing one."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement as Parsed


@dataclass(frozen=True)
class Requirement:
    """One library that robustq uses.

    Attributes:
        name: name of the distribution, as in `pip install`.
        bounds: accepted versions, such as `>=2.6`; empty if all versions are accepted.
        extra: the extra of robustq that installs it; None for a core dependency.
        installed: the installed version; None if the library is missing.
        met: whether an accepted version is installed.
    """

    name: str
    bounds: str
    extra: str | None
    installed: str | None
    met: bool


def requirements() -> list[Requirement]:
    """The core dependencies, then the extras' dependencies, in the order of the metadata, for this platform only."""
    core, optional = [], []
    for line in requires("robustq") or []:
        parsed = Parsed(line)
        if parsed.marker is None or parsed.marker.evaluate({"extra": ""}):
            core.append(_look_up(parsed, None))
            continue
        extra = re.search(r"extra == ['\"]([^'\"]+)", line)
        if extra and parsed.marker.evaluate({"extra": extra[1]}):
            optional.append(_look_up(parsed, extra[1]))
    return core + optional


def pip_line(library: str) -> str:
    """The command that installs a missing library, by an extra of robustq if an extra names the library."""
    wanted = _normalised(library)
    optional = [(_normalised(needed.name), needed.extra) for needed in requirements() if needed.extra is not None]
    extras = [extra for _, extra in optional]
    naming = [extra for name, extra in optional if name == wanted]
    # Among several extras take the smallest one: `test` names many libraries that other extras name too.
    return extra_line(min(naming, key=extras.count)) if naming else f"pip install {library}"


def extra_line(extra: str) -> str:
    """The command that installs an extra of robustq."""
    return f"pip install 'robustq[{extra}]'"


def _look_up(parsed: Parsed, extra: str | None) -> Requirement:
    try:
        installed = version(parsed.name)
    except PackageNotFoundError:
        installed = None
    # A pre-release is accepted: whoever installed one by hand wanted it.
    met = installed is not None and parsed.specifier.contains(installed, prereleases=True)
    return Requirement(parsed.name, str(parsed.specifier), extra, installed, met)


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
