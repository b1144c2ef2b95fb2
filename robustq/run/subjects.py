"""What a run is about: models that can stand side by side, the cases they are shown, and how both are written down."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from robustq.data.open_dataset import open_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import AbstractDataset, Entry
from robustq.errors import RequestError, unknown
from robustq.model.device import choose_device
from robustq.model.load import load
from robustq.model.segmenter import Segmenter
from robustq.model.separate_copy import separate_copy
from robustq.model.spec import adopt_labels
from robustq.request.names import CLEAN
from robustq.results.rows import Row
from robustq.run.demonstration import demonstration_pair

Models = Mapping[str, Segmenter | str | os.PathLike[str]] | Sequence[str | os.PathLike[str]]
"""Bundles, named by their file names; or segmenters and bundles by name. A run copies the segmenters, and leaves those
that were given as they were."""

SPLITS = ("held-out", "train", "val", "test", "all")
BATCH = {2: 16, 3: 2}
"""Images, or volumes, a forward pass where nothing else is asked."""


@dataclass(frozen=True)
class Subjects:
    """Models and the cases they are shown.

    Attributes:
        models: by name, in evaluation mode on the device, all with the same preparation. None of them is an object that
            the caller gave.
        cases: prepared; the unusable ones stand in its `failures`.
        good: the cases that can be used.
        chosen: these and the unusable ones.
        device: of the models.
    """

    models: Mapping[str, Segmenter]
    cases: PreparedCases
    good: Sequence[Entry]
    chosen: Sequence[Entry]
    device: torch.device

    @classmethod
    def gather(cls, models: Models | None, data: AbstractDataset | str, *, split: str, device: str) -> "Subjects":
        """Open the models, choose the cases, and read each once.

        Args:
            models: None for the bundled demonstration pair.
            data: a dataset or the text of `--data`.
            split: "held-out" leaves out the cases that any of the models was trained on; or a declared split; or all.
            device: "auto", or a device's name.

        Raises:
            RequestError: the models cannot be compared, or no case can be used.
        """
        dataset = open_dataset(data) if isinstance(data, str) else data
        opened = _open_models(models, dataset)
        chosen = _choose(dataset, opened, split)
        place = choose_device(device)
        for model in opened.values():
            model.to(place).eval()
        cases = PreparedCases(dataset, next(iter(opened.values())).spec.preparation)
        return cls(opened, cases, cases.check(chosen), chosen, place)

    @property
    def batch_size(self) -> int:
        """Images, or volumes, a forward pass where nothing else is asked."""
        return BATCH[self.cases.preparation.dims]

    def describe(self) -> dict[str, Any]:
        """What `run.json` says about models and cases, with hashes of both."""
        return {
            "models": [_describe(name, model) for name, model in self.models.items()],
            "data": {
                "name": self.cases.dataset.name,
                "cases": [
                    {
                        "id": entry.id,
                        "group": entry.group,
                        "domain": entry.domain,
                        "fingerprint": self.cases.dataset.fingerprint(entry),
                    }
                    for entry in self.good
                ],
                "failures": dict(self.cases.failures),
            },
        }

    def failed_rows(self) -> list[Row]:
        """One row a model for each case that could not be used."""
        return [
            replace(blank_row(self.cases.dataset, entry), **of_model(name, model), status="failed", reason=reason)
            for entry in self.chosen
            if (reason := self.cases.failures.get(entry.id)) is not None
            for name, model in self.models.items()
        ]


def blank_row(dataset: AbstractDataset, entry: Entry | None) -> Row:
    """A row of the clean case that says nothing yet; of the whole dataset where no case is meant."""
    return Row(
        model="",
        dataset=dataset.name,
        domain="" if entry is None else entry.domain,
        case="" if entry is None else entry.id,
        group="" if entry is None else entry.group,
        perturbation=CLEAN,
        level=0.0,
        parameters="{}",
        draw=0,
        seed=None,
        training_seed=None,
        label="",
        metric="",
        value=None,
    )


def of_model(name: str, model: Segmenter) -> dict[str, Any]:
    """The columns that tell a model."""
    return {"model": name, "training_seed": model.spec.seed if model.spec.training else None}


def by_file_name(paths: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    """Bundles by the names of their files, without the ending.

    Raises:
        RequestError: two have one name.
    """
    named = {path.stem: path for path in map(Path, paths)}
    if len(named) < len(paths):
        raise RequestError(f"two models have the same file name ({', '.join(map(str, paths))}): rename one")
    return named


def versions() -> dict[str, str]:
    """Of the libraries that figures depend on."""
    return {library: version(library) for library in ("robustq", "torch", "numpy", "scipy", "torchio")}


def _open_models(
    models: Models | None,
    dataset: AbstractDataset,
) -> dict[str, Segmenter]:
    """The segmenters by name, refused where they cannot be compared."""
    if models is None:
        if dataset.name != "phantom":
            raise RequestError(
                f"no model was named, and the bundled pair was trained for the phantom, not for {dataset.name}: "
                "name one or more bundles"
            )
        models = demonstration_pair()
    if not isinstance(models, Mapping):
        models = by_file_name(models)
    if not models:
        raise RequestError("no model was given: name one or more bundles")
    opened = {}
    copies: dict[int, Any] = {}
    for name, model in models.items():
        segmenter = separate_copy(model, copies) if isinstance(model, Segmenter) else load(model)
        segmenter.spec = adopt_labels(segmenter.spec, dataset)
        opened[name] = segmenter
    first, *others = opened.items()
    for name, model in others:
        differences = first[1].spec.preparation.differences(model.spec.preparation)
        if differences:
            raise RequestError(
                f"{first[0]} and {name} prepare their cases differently ({'; '.join(differences)}), so their figures "
                "cannot stand side by side: stress them in runs of their own"
            )
    return opened


def _choose(dataset: AbstractDataset, models: Mapping[str, Segmenter], split: str) -> list[Entry]:
    """The cases to score."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    entries = list(dataset.entries)
    if split == "all":
        return entries
    if split == "held-out":
        seen = {case for model in models.values() for case in model.spec.seen}
        kept = [entry for entry in entries if not seen or dataset.fingerprint(entry) not in seen]
        if not kept:
            raise RequestError(
                f"all {len(entries)} cases of {dataset.name} were seen in training by one of the models: give other "
                "data, or --split all and say so"
            )
        return kept
    kept = [entry for entry in entries if entry.split == split]
    if not kept:
        raise RequestError(f"{dataset.name} declares no case of the split {split!r}: leave --split at held-out")
    return kept


def _describe(name: str, model: Segmenter) -> dict[str, Any]:
    """What `run.json` says about a model."""
    digest = sha256()
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return {"name": name, "weights": digest.hexdigest()[:16], "spec": model.spec.to_dict()}
