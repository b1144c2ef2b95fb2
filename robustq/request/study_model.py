"""One model of a study file: the options of `robustq wrap`, and its own words on the recipe."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robustq import registry
from robustq.errors import RequestError
from robustq.request import study_keys, values
from robustq.request.augment_noise import AugmentNoise
from robustq.request.listed import listed
from robustq.request.quantise import Quantise

_PREPARED = ("size", "spacing", "crop", "patch", "normalise", "window", "mean_std", "labels", "ignore", "grey_to_rgb")

_WRAPPED = ("skips", "at", "answer", "dims", "in_channels", "classes")


@dataclass(frozen=True)
class StudyModel:
    """A model of a study; each training seed gives one network of it.

    Attributes:
        name: its name in the tables.
        network: name of a registered architecture.
        settings: settings of the architecture.
        wrap: keywords of `robustq.wrap`.
        prepared: keywords of `Preparation`, those that are given.
        recipe: keywords of `Recipe`.
    """

    name: str
    network: str
    settings: Mapping[str, Any]
    wrap: Mapping[str, Any]
    prepared: Mapping[str, Any]
    recipe: Mapping[str, Any]

    @classmethod
    def parse(
        cls, document: Mapping[str, Any], shared: Mapping[str, Any], recipe: Mapping[str, Any], number: int
    ) -> "StudyModel":
        """Read an entry of [[models]].

        Args:
            document: the entry.
            shared: checked values of [wrap], which the entry may replace.
            recipe: keywords of [recipe], which the entry may replace.
            number: place of the entry, from 1, for messages.

        Raises:
            RequestError: a name is unknown, or a value is not written as its option requires.
        """
        own = study_keys.checked(document, study_keys.MODEL, f"model {number}")
        given = {**shared, **own}
        settings = {**shared.get("set", {}), **own.get("set", {})}
        if "arch" not in given:
            raise RequestError(f"model {number} names no architecture: give arch, in its entry or in [wrap]")
        network = registry.canonical("architectures", given["arch"])
        quantise = str(Quantise.parse(given.get("quantise", "1024x256")))
        prepared = {key: given[key] for key in _PREPARED if key in given} | _read(given)
        if "mean_std" in prepared:
            prepared.setdefault("normalise", "mean-std")
        wrap: dict[str, Any] = {"quantise": quantise} | {key: given[key] for key in _WRAPPED if key in given}
        if "head" in given:
            wrap["head"] = values.head(str(given["head"]))
        if "classes" not in wrap and "labels" in prepared:
            wrap["classes"] = len(prepared["labels"]) + (given.get("answer") != "sigmoid")
        if "in_channels" not in wrap and (channels := _channels(prepared)) is not None:
            wrap["in_channels"] = channels
        own_recipe = read_recipe(own.get("recipe", {}), study_keys.RECIPE, f"the recipe of model {number}")
        name = own.get("name", f"{given['arch']} {quantise}")
        return cls(name, network, settings, wrap, prepared, {**recipe, **own_recipe})


def read_recipe(document: Mapping[str, Any], keys: study_keys.Keys, where: str) -> dict[str, Any]:
    """The keywords of `Recipe` in a table of a study file.

    Args:
        document: the table.
        keys: the names that it may hold.
        where: the table in words, for messages.

    Raises:
        RequestError: a name is unknown, or a value is not written as its option requires.
    """
    recipe = study_keys.checked(document, keys, where)
    if "freeze" in recipe:
        recipe["freeze"] = tuple(listed(recipe["freeze"]))
    if "augment_noise" in recipe:
        recipe["augment_noise"] = str(AugmentNoise.parse(recipe["augment_noise"]))
    return recipe


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that options of `robustq wrap` give as text."""
    read = {
        "size": values.numbers("size", given.get("size"), int),
        "spacing": values.numbers("spacing", given.get("spacing"), float),
        "crop": values.numbers("crop", given.get("crop"), int),
        "patch": values.numbers("patch", given.get("patch"), int),
        "window": values.window(given.get("window")),
        "mean_std": values.mean_std(given.get("mean_std")),
        "labels": values.labels(given.get("labels")),
    }
    return {key: value for key, value in read.items() if value is not None}


def _channels(prepared: Mapping[str, Any]) -> int | None:
    """Image channels of a network for these cases, as far as the options show it."""
    if "mean_std" in prepared and not prepared.get("grey_to_rgb"):
        return len(prepared["mean_std"][0])
    return 3 if prepared.get("grey_to_rgb") or prepared.get("normalise") == "imagenet" else None
