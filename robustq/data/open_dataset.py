"""A dataset from the text of `--data`."""

import inspect
import re
from difflib import get_close_matches
from pathlib import Path

from robustq import registry
from robustq.dataset import AbstractDataset
from robustq.errors import RequestError


def open_dataset(text: str) -> AbstractDataset:
    """The dataset that `--data` names.

    Args:
        text: a path (a folder, a CSV, an nnU-Net or Decathlon folder), or the name of a registered dataset, which may
            be followed by a path and settings, as in `phantom:dims=3,domain=B` or `folder:/data,group=(p\\d+)`.

    Raises:
        RequestError: it is neither, or the dataset refuses its settings.
    """
    path = Path(text)
    name, colon, rest = text.partition(":")
    if name in registry.names("datasets") and (colon or not path.exists()):
        # A comma ends a setting only where another begins: a regular expression may hold commas.
        parts = re.split(r",(?=[a-z_]+=)", rest) if rest else []
        positional = [] if not parts or re.match(r"[a-z_]+=", parts[0]) else [parts.pop(0)]
        settings = {key: value for key, _, value in (part.partition("=") for part in parts)}
        return _build(name, positional, settings)
    if not path.exists():
        near = get_close_matches(name, registry.names("datasets"), n=1)
        known = f"did you mean {near[0]}?" if near else f"datasets by name are {', '.join(registry.names('datasets'))}"
        raise RequestError(f"no file or folder {text}, and no dataset of that name: {known}")
    if path.is_file():
        if path.suffix.lower() != ".csv":
            raise RequestError(f"{text} is a file, and not a CSV: give a folder of images and masks, or a CSV of them")
        return _build("csv", [text], {})
    nnunet = (path / "dataset.json").is_file() or (path / "imagesTr").is_dir()
    return _build("nnunet" if nnunet else "folder", [text], {})


def _build(name: str, positional: list[str], settings: dict[str, str]) -> AbstractDataset:
    factory = registry.load("datasets", name)
    why = registry.mismatch(factory, *positional, **settings)
    if why:
        known = signature_words(inspect.signature(factory))
        raise RequestError(f"dataset {name!r} does not take this: {why}; it takes {known}")
    dataset: AbstractDataset = factory(*positional, **settings)
    return dataset


def signature_words(signature: inspect.Signature) -> str:
    """The settings of a dataset, as in `path, domain=, group=`."""
    return ", ".join(
        name if parameter.default is parameter.empty else f"{name}=" for name, parameter in signature.parameters.items()
    )
