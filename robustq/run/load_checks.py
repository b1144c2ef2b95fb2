"""Loads the analysers of an analysis from the texts of `--check`."""

from collections.abc import Sequence

from robustq import registry
from robustq.analyser import AbstractAnalyser
from robustq.errors import RequestError
from robustq.request.with_setting import join_setting, split_setting


def load_checks(texts: Sequence[str]) -> dict[str, type[AbstractAnalyser]]:
    """For each check in its canonical spelling, such as "taylor@90", the class of its analyser.

    Analysers that give a verdict are always loaded and come first.

    Args:
        texts: as `robustq.request.checks.parse_checks` gives them.

    Raises:
        RequestError: a name is unknown, a setting is not understood, or an analyser is asked for with two settings.
    """
    spellings: dict[str, str] = {}
    for text in texts:
        name, written = split_setting("analysers", text)
        spelling = join_setting(name, registry.load("analysers", name).canonical_setting(written))
        if spellings.setdefault(name, spelling) != spelling:
            raise RequestError(f"{spellings[name]} and {spelling} were both asked for: give one of them")
    verdicts = [name for name in registry.names("analysers") if _gives_verdict(name)]
    return {
        spellings.get(name, name): registry.load("analysers", name) for name in dict.fromkeys([*verdicts, *spellings])
    }


def _gives_verdict(name: str) -> bool:
    try:
        analyser: type[AbstractAnalyser] = registry.load("analysers", name)
    except RequestError:  # its library is not installed; if the check was asked for, it was refused before
        return False
    return analyser.verdict_metric is not None
