"""Reads what the run directories of all commands have in common."""

import os
import weakref
from shutil import rmtree
from typing import Any, ClassVar

from robustq.model.spec import Spec
from robustq.report.sample_notes import sample_notes
from robustq.results.directory import RunDirectory


class Stored:
    """The request of a run and its models and cases. Subclasses read the rows of their command.

    Args:
        path: the run directory.
        temporary: remove the directory when this object is no longer used.
    """

    command: ClassVar[str]
    """The command whose files are read, as in `RunDirectory`."""

    def __init__(self, path: str | os.PathLike[str], *, temporary: bool = False) -> None:
        self.directory = RunDirectory(path, self.command)
        self.document = self.directory.read()
        if temporary:
            weakref.finalize(self, rmtree, self.directory.path, ignore_errors=True)

    @property
    def asked(self) -> dict[str, Any]:
        """The entry `asked` of the request file: perturbations, levels, draws, seed, models, data and more settings."""
        asked: dict[str, Any] = self.document["asked"]
        return asked

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order they were given."""
        return [model["name"] for model in self.asked["models"]]

    @property
    def failures(self) -> dict[str, str]:
        """For the id of each case that could not be used, the reason."""
        return dict(self.asked["data"]["failures"])

    @property
    def data_remarks(self) -> list[str]:
        """What the dataset said about its cases, such as that files state no orientation."""
        # Run directories of earlier versions do not have the entry.
        return list(self.document.get("data_remarks", ()))

    def spec(self, model: str) -> Spec:
        """The spec of a model."""
        return Spec.from_dict(next(entry["spec"] for entry in self.asked["models"] if entry["name"] == model))

    def remarks(self) -> dict[str, tuple[str, ...]]:
        """For each model, the remarks that stand wherever it appears, such as that it is untrained or altered."""
        return {model: self.spec(model).status for model in self.models}

    def sample_notes(self) -> list[str]:
        """Notes on patients, failed cases, cases that took part in training, and training seeds."""
        return sample_notes(self.asked)
