"""Reads the configuration of a MONAI bundle without evaluating it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from robustq.errors import RequestError

NAMES = tuple(f"{stem}.{kind}" for stem in ("inference", "train") for kind in ("json", "yaml", "yml"))
"""Files that describe the network, the first choice first."""


class Configuration:
    """The configuration of a bundle: a document in which `@ID` refers to another entry, and `$...` is an expression.

    References are followed here. Expressions are evaluated by MONAI, and only if the user trusts the folder.

    Args:
        folder: the folder of the bundle.
        trust: whether expressions may be evaluated.

    Raises:
        RequestError: there is no configuration, or it cannot be read.
    """

    def __init__(self, folder: Path, *, trust: bool) -> None:
        self.trust = trust
        places = [folder / "configs" / name for name in NAMES]
        file = next((place for place in places if place.is_file()), None)
        if file is None:
            raise RequestError(
                f"there is no configs/inference.json, inference.yaml or train.json in {folder}: give the folder of a "
                "MONAI bundle"
            )
        self.folder, self.file = folder, file
        self.document = _read(file)
        self._parser: Any = None

    def find(self, *paths: str) -> Any:
        """The first of these entries that the configuration has, as it is written there; None if it has none."""
        for path in paths:
            value: Any = self.document
            for step in path.split("::"):
                value = value.get(step) if isinstance(value, Mapping) else None
            if value is not None:
                return value
        return None

    def resolved(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """A value in which references are replaced by what they refer to.

        Args:
            value: a value of the document.
            path: the references that led to it.

        Raises:
            RequestError: it contains an expression and the folder is not trusted, or a reference leads nowhere.
        """
        if isinstance(value, Mapping):
            return {name: self.resolved(entry, path) for name, entry in value.items()}
        if isinstance(value, list):
            return [self.resolved(entry, path) for entry in value]
        if not isinstance(value, str) or not value.startswith(("$", "@", "%")):
            return value
        if value.startswith("@") and value not in path:
            return self.resolved(self._referred(value), (*path, value))
        if value.startswith("$") and self.trust:
            return self._evaluated(value)
        kind = {"$": "an expression that would run code", "@": "a reference to itself", "%": "a reference to a file"}
        advice = "give --trust if you trust its author" if value.startswith("$") else "write its value there"
        raise RequestError(f"{self.file} contains {value!r}, {kind[value[0]]}: {advice}")

    def _referred(self, reference: str) -> Any:
        value: Any = self.document
        for step in reference[1:].replace("#", "::").split("::"):
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (KeyError, ValueError, IndexError, TypeError) as error:
                raise RequestError(f"{self.file} refers to {reference}, which it does not have: correct it") from error
        return value

    def _evaluated(self, expression: str) -> Any:
        """The value of an expression, as MONAI evaluates it."""
        from monai.bundle import ConfigParser

        try:
            if self._parser is None:
                self._parser = ConfigParser({**self.document, "bundle_root": str(self.folder)})
            self._parser["_robustq_"] = expression
            self._parser.parse(reset=True)
            return self._parser.get_parsed_content("_robustq_")
        except Exception as error:  # an expression may raise any error
            reason = " ".join(f"{type(error).__name__} {error}".split())
            raise RequestError(f"{self.file} contains {expression!r}, which cannot be evaluated: {reason}") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise RequestError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise RequestError(f"{file} is not as MONAI writes it: it holds no object")
    return document
