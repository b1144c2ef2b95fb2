"""The subjects of a run: the models, the cases that they are shown, and what `run.json` says about both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from robustq.data.open_dataset import Data, as_dataset
from robustq.data.preparation import Preparation
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import AbstractDataset, Entry
from robustq.errors import RequestError, unknown
from robustq.model.device import choose_device
from robustq.model.predict import BATCH
from robustq.model.segmenter import Segmenter
from robustq.model.weights_digest import weights_digest
from robustq.results.rows import Row, blank_row, of_model
from robustq.run.demonstration import DATA
from robustq.run.open_models import Models, open_models
from robustq.shapes import Unit

SPLITS = ("held-out", "train", "val", "test", "all")


@dataclass(frozen=True)
class Subjects:
    """Models and the cases they are shown.

    Attributes:
        models: models by name, in evaluation mode on the device, all with the same preparation. None of them is an
            object that the caller gave.
        cases: prepared cases; its `failures` hold the unusable ones.
        good: entries of the cases that can be used.
        chosen: entries of the usable and the unusable cases.
        device: device of the models.
    """

    models: Mapping[str, Segmenter]
    cases: PreparedCases
    good: Sequence[Entry]
    chosen: Sequence[Entry]
    device: torch.device

    @classmethod
    def gather(
        cls,
        models: Models | None,
        data: Data | None,
        *,
        split: str,
        device: str,
        preparation: Preparation | None = None,
        unmasked: bool = False,
    ) -> "Subjects":
        """Open the models, choose the cases, and read each case once.

        Args:
            models: None for the bundled demonstration pair.
            data: a dataset or the text of `--data`; None for the phantom, or, for the demonstration pair, for cases of
                the phantom that took no part in its training.
            split: one of `SPLITS`. "held-out" leaves out the cases that any of the models was trained on.
            device: "auto", or the name of a device.
            preparation: what is done to a case before plain networks see it.
            unmasked: whether cases without a mask can be used too.

        Raises:
            RequestError: the models cannot be compared, or no case can be used.
        """
        if data is None:
            data = DATA if models is None else "phantom"
        dataset = as_dataset(data, unmasked=unmasked)
        opened = open_models(models, dataset, preparation)
        chosen = _choose(dataset, opened, split)
        place = choose_device(device)
        for model in opened.values():
            model.to(place).eval()
        cases = PreparedCases(dataset, next(iter(opened.values())).spec.preparation)
        return cls(opened, cases, cases.check(chosen, unmasked=unmasked), chosen, place)

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """The entries of the cases that can be used, by case id."""
        return {entry.id: entry for entry in self.good}

    @cached_property
    def units(self) -> Mapping[Unit, str]:
        """For each unit of length, "mm" or "px", the first case that is measured in it."""
        return {self.cases(entry).unit: entry.id for entry in reversed(self.good)}

    @property
    def batch_size(self) -> int:
        """Default number of images, or volumes, for each forward pass."""
        return BATCH[self.cases.preparation.dims]

    def used_groups(self) -> dict[str, frozenset[str]]:
        """For each model, the groups of the dataset with a case that trained it, calibrated its codebook or chose its
        epoch, as far as that is known. The dataset's image files are read."""
        dataset = self.cases.dataset
        groups_of: dict[str, set[str]] = {}
        for entry in (*dataset.entries, *dataset.unlisted):
            groups_of.setdefault(dataset.fingerprint(entry), set()).add(entry.group)
        return {
            name: frozenset(group for case in spec.seen | spec.chose for group in groups_of.get(case, ()))
            for name, spec in ((name, model.spec) for name, model in self.models.items())
        }

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
        """One row for each model and each case that could not be used."""
        return [
            replace(blank_row(self.cases.dataset, entry), **of_model(name, model), status="failed", reason=reason)
            for entry in self.chosen
            if (reason := self.cases.failures.get(entry.id)) is not None
            for name, model in self.models.items()
        ]


def _choose(dataset: AbstractDataset, models: Mapping[str, Segmenter], split: str) -> list[Entry]:
    """The entries of the cases to score."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    entries = list(dataset.entries)
    if split == "all":
        return entries
    if split == "held-out":
        seen = {case for model in models.values() for case in model.spec.seen}
        held_out = [entry for entry in entries if not seen or dataset.fingerprint(entry) not in seen]
        if not held_out:
            raise RequestError(
                f"all {len(entries)} cases of {dataset.name} were seen in training by one of the models: give other "
                "data, or --split all, and say so where you report the figures"
            )
        return held_out
    declared = [entry for entry in entries if entry.split == split]
    if not declared:
        raise RequestError(f"{dataset.name} declares no case of the split {split!r}: leave --split at held-out")
    return declared


def _describe(name: str, model: Segmenter) -> dict[str, Any]:
    """What `run.json` says about a model."""
    return {"name": name, "weights": weights_digest(model.state_dict()), "spec": model.spec.to_dict()}
