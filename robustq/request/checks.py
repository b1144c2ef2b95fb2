"""Reads `--check`: which analysers the user asks for, and with which settings."""

from robustq import registry
from robustq.errors import RequestError
from robustq.request.with_setting import join_setting, split_setting

ALL = "all"


def parse_checks(text: str) -> list[str]:
    """The checks of a text such as "codebook,taylor@90", in its order, each once. "all" stays as it is, because only
    the analysers themselves say whether it asks for them (`robustq.run.load_checks`).

    If the text has a name both with a setting and without one, the name without one is left out. Only the analyser can
    tell whether two settings are the same, such as 90 and 90.0 (`canonical_setting`).

    Raises:
        RequestError: no name is given, a name is unknown, or nothing follows an @.
    """
    written = [check.strip() for check in text.split(",") if check.strip()]
    if not written:
        raise RequestError(
            f"--check {text!r} names no check: give {', '.join(registry.names('analysers'))}, several of them "
            f"separated by commas, or {ALL}"
        )
    settings: dict[str, list[str]] = {}
    for check in written:
        name, setting = (ALL, "") if check == ALL else split_setting("analysers", check)
        settings.setdefault(name, []).append(setting)
    return [
        join_setting(name, setting)
        for name, given in settings.items()
        for setting in dict.fromkeys(list(filter(None, given)) or [""])
    ]
