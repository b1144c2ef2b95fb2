"""What robustq asks of its environment, read from its own installed metadata."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement as Parsed


@dataclass(frozen=True)
class Requirement:
    """One library robustq leans on.

    Attributes:
        name: of the distribution, as in `pip install`.
        bounds: accepted versions such as `>=2.6`; empty if any.
        extra: the extra of robustq that brings it; None for a core dependency.
        installed: the version that is here; None if it is missing.
        met: whether it is here in an accepted version.
    """

    name: str
    bounds: str
    extra: str | None
    installed: str | None
    met: bool


def requirements() -> list[Requirement]:
    """The core dependencies, then those of each extra, in the order of the metadata; other platforms' are left out."""
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
    """The command that brings a missing library: by an extra of robustq where one names it."""
    wanted = _normalised(library)
    found = requirements()
    extras = [requirement.extra for requirement in found if requirement.extra is not None]
    naming = [one.extra for one in found if _normalised(one.name) == wanted and one.extra is not None]
    # Of several the one that brings least: `test` names much of what others do.
    return extra_line(min(naming, key=extras.count)) if naming else f"pip install {library}"


def extra_line(extra: str) -> str:
    """The command that brings an extra of robustq."""
    return f"pip install 'robustq[{extra}]'"


def _look_up(parsed: Parsed, extra: str | None) -> Requirement:
    try:
        installed = version(parsed.name)
    except PackageNotFoundError:
        installed = None
    # Someone who installed a pre-release by hand meant it.
    met = installed is not None and parsed.specifier.contains(installed, prereleases=True)
    return Requirement(parsed.name, str(parsed.specifier), extra, installed, met)


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
