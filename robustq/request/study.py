"""Reads a study file: models x seeds x data, and what is measured. Never imports torch."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustq.errors import RequestError
from robustq.request import study_keys
from robustq.request.checks import parse_checks
from robustq.request.draws import check_draws, check_fixed_draws, most_draws, parse_draws
from robustq.request.levels import check_levels, parse_levels
from robustq.request.listed import listed
from robustq.request.names import asked_perturbations, canonical_attack
from robustq.request.study_model import StudyModel, read_recipe

Document = Mapping[str, Any]


@dataclass(frozen=True)
class StudyRequest:
    """What a study file asks.

    Attributes:
        name: name of the study.
        train: training sets, texts of `--data`.
        test: test sets; the training sets where the file names none.
        models: the models.
        seeds: training seeds; each draws weights and trains one network of each model.
        baseline: name of the model that the others are compared with; None for no comparison.
        prior: keywords of the `Recipe` that fits a prior to the codes of every trained network; None for no priors.
        stress: keywords of `robustq.stress`.
        analyse: keywords of `robustq.analyse`; None for no analysis.
        shift: keywords of `robustq.shift`; None for no table of domains.
        domains: the datasets of `robustq.shift`; those of the study where [shift] names none.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    models: tuple[StudyModel, ...]
    seeds: tuple[int, ...]
    baseline: str | None
    prior: Document | None
    stress: Document
    analyse: Document | None
    shift: Document | None
    domains: tuple[str, ...]

    @classmethod
    def parse(cls, document: Document) -> "StudyRequest":
        """Read the contents of a study file.

        Raises:
            RequestError: an entry is unknown or missing, or a value is not written as its option requires.
        """
        given = study_keys.checked(document, study_keys.STUDY, "the study")
        data = study_keys.checked(given.get("data", {}), study_keys.DATA, "[data]")
        train = _datasets(data.get("train", []))
        if not train:
            raise RequestError("the study names no training set: write train in [data], or give --set data.train=DATA")
        shared = study_keys.checked(given.get("wrap", {}), study_keys.WRAP, "[wrap]")
        recipe = read_recipe(given.get("recipe", {}), study_keys.RECIPE, "[recipe]")
        prior = read_recipe(given["prior"], study_keys.PRIOR, "[prior]") if "prior" in given else None
        entries = enumerate(given.get("models", []), 1)
        models = tuple(StudyModel.parse(entry, shared, recipe, number) for number, entry in entries)
        if not models:
            raise RequestError("the study has no model: write an entry [[models]] for each")
        names = [model.name for model in models]
        _check_once(names, "two models are called", "give each a name of its own")
        seeds = given.get("seeds", [0])
        if not seeds or min(seeds) < 0:
            raise RequestError(f"the study has seeds = {seeds}: give one or more whole numbers of 0 or more")
        _check_once(seeds, "the study gives twice the seed", "give each once")
        baseline = given.get("baseline")
        if baseline is not None and baseline not in names:
            raise RequestError(f"the baseline {baseline!r} is no model of the study: choose from {', '.join(names)}")
        shift = _shift(given["shift"]) if "shift" in given else None
        test = _datasets(data.get("test", [])) or train
        domains = _datasets(given.get("shift", {}).get("data", [])) or tuple(dict.fromkeys((*train, *test)))
        short = [short_name(text) for text in dict.fromkeys((*train, *test, *domains))]
        _check_once(short, "two datasets of the study would be called", "give paths whose last parts differ")
        return cls(
            name=given.get("name", "study"),
            train=train,
            test=test,
            models=models,
            seeds=tuple(seeds),
            baseline=baseline,
            prior=prior,
            stress=_stress(given.get("stress", {})),
            analyse=_analyse(given["analyse"]) if "analyse" in given else None,
            shift=shift,
            domains=domains,
        )


def read_study(source: str | os.PathLike[str] | Document, settings: Sequence[str] = ()) -> StudyRequest:
    """The request of a study file, or of a mapping with the same contents.

    Args:
        source: the file, or its contents.
        settings: texts such as `data.train=PATH`, which replace entries of the file.

    Raises:
        RequestError: the file cannot be read, or as `StudyRequest.parse`.
    """
    document = dict(deepcopy(source)) if isinstance(source, Mapping) else _contents(Path(source))
    for text in settings:
        _replace(document, text)
    return StudyRequest.parse(document)


def short_name(text: str) -> str:
    """The last part of a path, or a name with its settings, as words for a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", Path(text).name).strip("-")[:80] or "data"


def _contents(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"cannot read the study file {path}: {error.strerror}") from error
    except ValueError as error:
        raise RequestError(f"{path} is not a TOML file: {error}") from error


def _replace(document: dict[str, Any], text: str) -> None:
    """Replace an entry; the value is what TOML reads, or else the text itself."""
    path, equals, value = text.partition("=")
    *tables, key = path.strip().split(".")
    if not equals or not key:
        raise RequestError(f"--set {text!r} is not a setting: write KEY=VALUE, such as data.train=PATH")
    place = document
    for name in tables:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise RequestError(f"--set {text!r} names {name}, which is no table: name an entry such as data.train")
    try:
        place[key] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        place[key] = value


def _datasets(value: str | list[str]) -> tuple[str, ...]:
    """The texts of `--data`, which may hold commas."""
    texts = [value] if isinstance(value, str) else value
    _check_once(texts, "[data] names twice", "name each set once")
    return tuple(text for text in texts if text)


def _check_once(values: Sequence[object], what: str, advice: str) -> None:
    twice = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if twice is not None:
        raise RequestError(f"{what} {twice!r}: {advice}")


def _levels(value: str | list[float]) -> tuple[float, ...]:
    return parse_levels(value) if isinstance(value, str) else check_levels(value)


def _drawn(given: dict[str, Any]) -> dict[str, Any]:
    """The keywords that stress, analyse and shift share."""
    if "levels" in given:
        given["levels"] = _levels(given["levels"])
    if "draws" in given:
        given["draws"] = parse_draws(str(given["draws"]))
    if "metrics" in given:
        given["metrics"] = ",".join(listed(given["metrics"]))
    return given


def _named(given: dict[str, Any]) -> dict[str, Any]:
    """The perturbations of `noise` and `preset`, if one of them is given."""
    noise, preset = given.pop("noise", None), given.pop("preset", None)
    if noise is None and preset is None:
        return given
    return {**given, "noise": asked_perturbations(None if noise is None else listed(noise), preset)}


def _stress(document: Document) -> dict[str, Any]:
    given = _named(_drawn(study_keys.checked(document, study_keys.STRESS, "[stress]")))
    if "attack" in given:
        given["attack"] = [canonical_attack(name) for name in listed(given["attack"])]
    check_draws(given.get("draws"))
    most_draws(given.get("draws"), given.get("max_draws"))
    return given


def _analyse(document: Document) -> dict[str, Any]:
    given = _named(_drawn(study_keys.checked(document, study_keys.ANALYSE, "[analyse]")))
    if "check" in given:
        given["check"] = ",".join(parse_checks(",".join(listed(given["check"]))))
    check_fixed_draws(given.get("draws"))
    return given


def _shift(document: Document) -> dict[str, Any]:
    given = _named(_drawn(study_keys.checked(document, study_keys.SHIFT, "[shift]")))
    given.pop("data", None)
    check_fixed_draws(given.get("draws"))
    if ("noise" in given) != ("levels" in given):
        raise RequestError("[shift] simulates a shift by noise and levels: give both, or none")
    return given
