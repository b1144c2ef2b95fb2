"""Opens the models of a run and checks that they can be compared."""

import os
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from robustq.data.preparation import Preparation
from robustq.dataset import AbstractDataset
from robustq.errors import RequestError
from robustq.model.load import load
from robustq.model.segmenter import Segmenter
from robustq.model.spec import adopt_labels
from robustq.model.weights_digest import as_known
from robustq.model.windows import windows_of
from robustq.network.separate_copy import separate_copy
from robustq.run.demonstration import demonstration_pair
from robustq.run.plain_network import model_of

Models = Mapping[str, nn.Module | str | os.PathLike[str]] | Sequence[nn.Module | str | os.PathLike[str]] | nn.Module
"""Segmenters, plain networks and bundles by name; or a sequence of them: bundles are named by their files, and networks
by their classes, with a number where a class comes twice; or a network alone, which is called `model`. A run copies
networks and leaves the originals unchanged."""


def by_file_name(paths: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    """Bundles by the names of their files, without the suffix.

    Raises:
        RequestError: a file is given twice, or two files have the same name.
    """
    named: dict[str, Path] = {}
    for path in map(Path, paths):
        other = named.setdefault(path.stem, path)
        if other is path:
            continue
        if other.resolve() == path.resolve():
            raise RequestError(f"the file {path} was given twice: give it once")
        raise RequestError(f"two models have the same file name ({other}, {path}): rename one")
    return named


def _by_class_or_file(models: Sequence[nn.Module | str | os.PathLike[str]]) -> dict[str, nn.Module | Path]:
    """Bundles by file name, and networks by the name of their class, with a number where a class comes twice."""
    classes = [_class_name(model) for model in models if isinstance(model, nn.Module)]
    files = by_file_name([model for model in models if not isinstance(model, nn.Module)])
    named: dict[str, nn.Module | Path] = {}
    counts: Counter[str] = Counter()
    for model in models:
        if isinstance(model, nn.Module):
            name = _class_name(model)
            counts[name] += 1
            name = name if classes.count(name) == 1 else f"{name}-{counts[name]}"
            if name in files:
                raise RequestError(
                    f"a network and a file would both be called {name}: give names, as in {{'my network': network}}"
                )
            named[name] = model
        else:
            named[Path(model).stem] = files[Path(model).stem]
    return named


def _class_name(model: nn.Module) -> str:
    return type(model.network if isinstance(model, Segmenter) else model).__name__


def open_models(
    models: Models | None, dataset: AbstractDataset, preparation: Preparation | None = None
) -> dict[str, Segmenter]:
    """The segmenters by name.

    Args:
        models: None for the bundled demonstration pair.
        dataset: the data that the models are shown.
        preparation: what is done to a case before plain networks see it.

    Raises:
        RequestError: no model is given, or the models cannot be compared.
    """
    if preparation is not None and not isinstance(preparation, Preparation):
        raise RequestError(
            f"preparation is a {type(preparation).__name__}: give robustq.Preparation(...), as in "
            "robustq.Preparation(size=(64, 64))"
        )
    named = _by_name(models, dataset)
    copies: dict[int, Any] = {}  # models that share a module go on to share it
    opened = {name: _opened(name, model, copies, dataset, preparation) for name, model in named.items()}
    windows_of(next(iter(opened.values())).spec.preparation)  # refuses a missing library before any case is read
    plain = {name for name, model in named.items() if _is_plain(model)}
    _check_prepared_alike(opened, plain)
    return opened


def _by_name(models: Models | None, dataset: AbstractDataset) -> Mapping[str, nn.Module | str | os.PathLike[str]]:
    """The models by name, not opened yet.

    Raises:
        RequestError: no model is given, something else is, or two of them would have the same name.
    """
    if models is None:
        if dataset.name != "phantom":
            raise RequestError(
                f"no model was named, and the bundled pair was trained for the phantom, not for {dataset.name}: "
                "name one or more bundles"
            )
        return demonstration_pair()
    if isinstance(models, nn.Module):
        return {"model": models}
    if isinstance(models, str | os.PathLike):
        models = [models]
    named = models if isinstance(models, Mapping) else _by_class_or_file(models)
    if not named:
        raise RequestError("no model was given: name one or more bundles")
    for name, model in named.items():
        if not isinstance(model, nn.Module | str | os.PathLike):
            what = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
            raise RequestError(
                f"{name} is {what}, not a model: give a network (an nn.Module with its weights loaded), a segmenter or "
                "the path of a bundle"
            )
    return named


def _opened(
    name: str,
    model: nn.Module | str | os.PathLike[str],
    copies: dict[int, Any],
    dataset: AbstractDataset,
    preparation: Preparation | None,
) -> Segmenter:
    """A segmenter of its own for a segmenter, a plain network or a bundle, with the labels of the dataset."""
    if isinstance(model, Segmenter):
        segmenter = separate_copy(model, copies, share=True)
    elif isinstance(model, nn.Module):
        segmenter = model_of(separate_copy(model, copies), name, dataset, preparation)
    else:
        segmenter = load(model)
    segmenter.spec = adopt_labels(as_known(segmenter.spec, segmenter.state_dict()), dataset)
    return segmenter


def _is_plain(model: object) -> bool:
    return isinstance(model, nn.Module) and not isinstance(model, Segmenter)


def _check_prepared_alike(models: Mapping[str, Segmenter], plain: Container[str]) -> None:
    """Refuse models that are not shown the same prepared cases.

    Args:
        models: the models by name.
        plain: the names of those that were given as plain networks.
    """
    (first_name, first), *others = models.items()
    for name, model in others:
        differences = first.spec.preparation.differences(model.spec.preparation)
        if not differences:
            continue
        way_out = "stress each in a separate run"
        if (first_name in plain) != (name in plain):
            way_out = (
                "give preparation=model.spec.preparation for the plain network, or wrap the other one with "
                "preparation=robustq.Preparation(..., normalise='none')"
            )
        raise RequestError(
            f"{first_name} and {name} prepare their cases differently ({'; '.join(differences)}), so their figures "
            f"cannot be compared: {way_out}"
        )
