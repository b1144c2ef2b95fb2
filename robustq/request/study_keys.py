"""The words that a study file may hold, and of which kind their values are."""

from collections.abc import Callable, Mapping
from typing import Any

from robustq.errors import RequestError, unknown

Kind = tuple[str, Callable[[Any], bool]]
"""What a value must be: in words, and as a check."""


def _texts(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(entry, str) for entry in value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TEXT: Kind = ("a text", lambda value: isinstance(value, str))
NAMES: Kind = ("a text, or a list of texts", _texts)
WHOLE: Kind = ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool))
NUMBER: Kind = ("a number", _is_number)
NUMBERS: Kind = (
    "a list of numbers, or numbers in a text, separated by commas",
    lambda value: isinstance(value, str) or (isinstance(value, list) and all(map(_is_number, value))),
)
FLAG: Kind = ("true or false", lambda value: isinstance(value, bool))
TABLE: Kind = ("a table", lambda value: isinstance(value, dict))
WORD: Kind = ("a text or a whole number", lambda value: isinstance(value, str) or WHOLE[1](value))

Keys = Mapping[str, Kind]

DATA: Keys = {"train": NAMES, "test": NAMES}
PRIOR: Keys = {
    **dict.fromkeys(("epochs", "patience", "batch_size", "split_seed"), WHOLE),
    **dict.fromkeys(("learning_rate", "weight_decay", "validation"), NUMBER),
    "augmentation": FLAG,
    **dict.fromkeys(("precision", "schedule", "augment_noise"), TEXT),
}
RECIPE: Keys = {**PRIOR, "freeze": NAMES, **dict.fromkeys(("loss", "prior"), TEXT)}
WRAP: Keys = {
    **dict.fromkeys(("arch", "quantise", "skips", "at", "answer"), TEXT),
    **dict.fromkeys(("size", "spacing", "crop", "patch", "normalise", "window", "mean_std", "labels"), TEXT),
    **dict.fromkeys(("dims", "in_channels", "classes", "ignore"), WHOLE),
    "grey_to_rgb": FLAG,
    "head": WORD,
    "set": TABLE,
}
MODEL: Keys = {"name": TEXT, **WRAP, "recipe": TABLE}
_DRAWN: Keys = {"noise": NAMES, "levels": NUMBERS, "draws": WORD, "seed": WHOLE, "split": TEXT, "batch_size": WHOLE}
_SHOWN: Keys = {**_DRAWN, "preset": TEXT, "compat": TEXT, "clip": FLAG}
STRESS: Keys = {
    **_SHOWN,
    "attack": NAMES,
    "transfer_from": TEXT,
    "metrics": NAMES,
    "missing": TEXT,
    "max_draws": WHOLE,
}
ANALYSE: Keys = {**_SHOWN, "check": NAMES}
SHIFT: Keys = {"data": NAMES, **_DRAWN, "metrics": NAMES}
STUDY: Keys = {
    "name": TEXT,
    "baseline": TEXT,
    "seeds": ("a list of whole numbers", lambda value: isinstance(value, list) and all(map(WHOLE[1], value))),
    "models": ("a list of tables, [[models]]", lambda value: isinstance(value, list) and all(map(TABLE[1], value))),
    **dict.fromkeys(("data", "wrap", "recipe", "prior", "stress", "analyse", "shift"), TABLE),
}


def checked(document: Mapping[str, Any], keys: Keys, where: str) -> dict[str, Any]:
    """The values of a table by their names, with _ for -.

    Args:
        document: the table.
        keys: the names that it may hold.
        where: the table in words, for the message.

    Raises:
        RequestError: a name is unknown or given twice, or a value is of another kind.
    """
    values: dict[str, Any] = {}
    for written, value in document.items():
        key = str(written).replace("-", "_")
        if key not in keys:
            raise unknown(f"entry of {where}", str(written), keys)
        if key in values:
            raise RequestError(f"{where} gives {key} twice: give it once")
        words, is_kind = keys[key]
        if not is_kind(value):
            raise RequestError(f"{where} has {written} = {value!r}: give {words}")
        values[key] = value
    return values
