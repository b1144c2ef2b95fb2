"""Loads the analysers of an analysis from the texts of `--check`."""

from collections.abc import Iterator, Sequence

from robustq import registry
from robustq.analyser import AbstractAnalyser
from robustq.errors import RequestError
from robustq.request.checks import ALL
from robustq.request.with_setting import join_setting, split_setting


def load_checks(texts: Sequence[str]) -> dict[str, type[AbstractAnalyser]]:
    """For each check in its canonical spelling, such as "taylor@90", the class of its analyser.

    "all" asks for every analyser with `in_all` that is not named beside it. Analysers that give a verdict are always
    loaded and come first.

    Args:
        texts: as `robustq.request.checks.parse_checks` gives them.

    Raises:
        RequestError: a name is unknown, a setting is not understood, or an analyser is asked for with two settings.
    """
    spellings: dict[str, str] = {}
    for text in _named(texts):
        name, written = split_setting("analysers", text)
        spelling = join_setting(name, registry.load("analysers", name).canonical_setting(written))
        if spellings.setdefault(name, spelling) != spelling:
            raise RequestError(f"{spellings[name]} and {spelling} were both asked for: give one of them")
    verdicts = [name for name in registry.names("analysers") if _gives_verdict(name)]
    return {
        spellings.get(name, name): registry.load("analysers", name) for name in dict.fromkeys([*verdicts, *spellings])
    }


def _named(texts: Sequence[str]) -> Iterator[str]:
    """The texts, with names in the place of "all"."""
    named = {split_setting("analysers", text)[0] for text in texts if text != ALL}
    for text in texts:
        if text != ALL:
            yield text
        else:
            yield from (name for name in registry.names("analysers") if name not in named and _in_all(name))


def _in_all(name: str) -> bool:
    analyser: type[AbstractAnalyser] = registry.load("analysers", name)
    return analyser.in_all


def _gives_verdict(name: str) -> bool:
    try:
        analyser: type[AbstractAnalyser] = registry.load("analysers", name)
    except RequestError:  # its library is not installed; if the check was asked for, it was refused before
        return False
    return analyser.verdict_metric is not None
