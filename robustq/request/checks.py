"""`--check`: which analysers are asked for, and with which settings."""

from robustq import registry
from robustq.request.with_setting import join_setting, split_setting

ALL = "all"


def parse_checks(text: str) -> list[str]:
    """The checks of a text such as "codebook,taylor@90", in its order, each once; "all" is every registered analyser.

    A name without a setting is left out where the same name stands with one, so that "all,taylor@90" asks for taylor
    once. Whether two settings are one, such as 90 and 90.0, is known to the analyser (`canonical_setting`).

    Raises:
        RequestError: a name is unknown, or nothing follows an @.
    """
    written = [part.strip() for part in text.split(",") if part.strip()]
    parts = [name for part in written for name in (registry.names("analysers") if part == ALL else [part])]
    settings: dict[str, list[str]] = {}
    for part in parts:
        name, setting = split_setting("analysers", part)
        settings.setdefault(name, []).append(setting)
    return [
        join_setting(name, setting)
        for name, given in settings.items()
        for setting in dict.fromkeys(list(filter(None, given)) or [""])
    ]
