"""Opens the dataset that the text of `--data` names."""

import inspect
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from torch import Tensor

from robustq import registry
from robustq.data.in_memory import InMemoryDataset, Items, is_in_memory
from robustq.dataset import AbstractDataset
from robustq.errors import RequestError

Data = AbstractDataset | Items | str | os.PathLike[str]
"""What commands take as data: a dataset, data in memory (see `InMemoryDataset`), the text of `--data`, or a path."""


UNMASKED = "unmasked"
"""The setting of a dataset that takes images without a mask too."""


def as_dataset(data: object, *, unmasked: bool = False) -> AbstractDataset:
    """The dataset that was given, that a text names, or that holds the given items.

    Args:
        data: what commands take as data.
        unmasked: whether images without a mask are cases too. Then images may also be given as one array or tensor
            (N, C, *S).

    Raises:
        RequestError: the data is nothing of these, or cannot be opened.
    """
    if isinstance(data, AbstractDataset):
        return data
    if isinstance(data, str | os.PathLike):
        return open_dataset(data, unmasked=unmasked)
    if unmasked and isinstance(data, Tensor | np.ndarray):
        return InMemoryDataset(_images(data))
    if isinstance(data, Items) and is_in_memory(data):
        return InMemoryDataset(data)
    raise RequestError(
        f"data is a {type(data).__name__}: give the text of --data, a dataset, or a list of (image, mask) pairs; "
        "images that have no masks can be stressed with without_labels=True"
    )


def _images(batch: Tensor | np.ndarray) -> list[Tensor | np.ndarray]:
    """The images of a batch (N, C, *S)."""
    if batch.ndim not in (4, 5):
        raise RequestError(
            f"the images have the shape {tuple(batch.shape)}: give (N, C, *S) with two or three axes *S, or a list of "
            "images (C, *S)"
        )
    return list(batch)


def open_dataset(text: str | os.PathLike[str], *, unmasked: bool = False) -> AbstractDataset:
    """The dataset that `--data` names.

    Args:
        text: a path (a folder, a CSV, an nnU-Net or Decathlon folder), or the name of a registered dataset. A path and
            settings may follow the name, as in `phantom:dims=3,domain=B` or `folder:/data,group=(p\\d+)`.
        unmasked: whether images without a mask are cases too.

    Raises:
        RequestError: the text is neither a path nor a name, or the dataset refuses its settings.
    """
    text = os.fspath(text)
    path = Path(text)
    name, colon, rest = text.partition(":")
    if name in registry.names("datasets") and (colon or not path.exists()):
        # A comma ends a setting only if another setting follows, because a regular expression may hold commas.
        arguments = re.split(r",(?=[a-z_]+=)", rest) if rest else []
        positional = [] if not arguments or re.match(r"[a-z_]+=", arguments[0]) else [arguments.pop(0)]
        settings = {key: value for key, _, value in (argument.partition("=") for argument in arguments)}
        return _build(name, positional, settings, unmasked)
    if not path.exists():
        near = get_close_matches(name, registry.names("datasets"), n=1)
        names = ", ".join(registry.names("datasets"))
        advice = f"did you mean {near[0]}?" if near else f"give a path, or one of the datasets {names}"
        raise RequestError(f"{text} is not a file or folder, and no dataset has this name: {advice}")
    if path.is_file():
        if path.suffix.lower() != ".csv":
            raise RequestError(
                f"{text} is a file but not a CSV: give a folder of images and masks, or a CSV that lists them"
            )
        return _build("csv", [text], {}, unmasked)
    nnunet = (path / "dataset.json").is_file() or (path / "imagesTr").is_dir()
    return _build("nnunet" if nnunet else "folder", [text], {}, unmasked)


def _build(name: str, positional: list[str], given: Mapping[str, str], unmasked: bool) -> AbstractDataset:
    factory = registry.load("datasets", name)
    settings = dict(given)
    if unmasked and UNMASKED in inspect.signature(factory).parameters:
        settings.setdefault(UNMASKED, "yes")
    if registry.mismatch(factory, *positional, **settings):
        raise _refused(name, inspect.signature(factory), positional, settings)
    dataset: AbstractDataset = factory(*positional, **settings)
    return dataset


def _refused(
    name: str, signature: inspect.Signature, positional: list[str], settings: Mapping[str, str]
) -> RequestError:
    """The refusal of a path and settings that a dataset cannot be opened with."""
    accepted = signature_words(signature)
    strange = [key for key in settings if key not in signature.parameters]
    if strange:
        return RequestError(f"dataset {name!r} has no setting {', '.join(strange)}: it takes {accepted}")
    needed = [key for key, parameter in signature.parameters.items() if parameter.default is parameter.empty]
    if needed and not positional:
        return RequestError(
            f"dataset {name!r} needs a {needed[0]}, and none was given: write {name}:{needed[0].upper()}; it takes "
            f"{accepted}"
        )
    return RequestError(f"dataset {name!r} does not take {', '.join(map(repr, positional))}: it takes {accepted}")


def signature_words(signature: inspect.Signature) -> str:
    """The arguments of a dataset as text, such as `path, domain=, group=`."""
    return ", ".join(
        name if parameter.default is parameter.empty else f"{name}=" for name, parameter in signature.parameters.items()
    )
