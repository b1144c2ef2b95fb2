"""What is read from a run directory, whichever command wrote it."""

import os
import weakref
from shutil import rmtree
from typing import Any, ClassVar

from robustq.model.spec import Spec
from robustq.report.sample_notes import sample_notes
from robustq.results.directory import RunDirectory


class Stored:
    """What was asked of a command, and of which models and cases; the figures are for those who know what they mean.

    Args:
        path: the run directory.
        temporary: remove the directory when this is no longer used.
    """

    command: ClassVar[str]
    """Whose files are read, as in `RunDirectory`."""

    def __init__(self, path: str | os.PathLike[str], *, temporary: bool = False) -> None:
        self.directory = RunDirectory(path, self.command)
        self.document = self.directory.read()
        if temporary:
            weakref.finalize(self, rmtree, self.directory.path, ignore_errors=True)

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked: perturbations, levels, draws, seed, models, data and the rest."""
        asked: dict[str, Any] = self.document["asked"]
        return asked

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order they were given."""
        return [model["name"] for model in self.asked["models"]]

    @property
    def failures(self) -> dict[str, str]:
        """Reason by case id, of the cases that could not be used."""
        return dict(self.asked["data"]["failures"])

    def spec(self, model: str) -> Spec:
        """The spec of a model."""
        return Spec.from_dict(next(entry["spec"] for entry in self.asked["models"] if entry["name"] == model))

    def remarks(self) -> dict[str, tuple[str, ...]]:
        """By model, what a reader must know wherever it appears (untrained, altered)."""
        return {model: self.spec(model).status for model in self.models}

    def sample_notes(self) -> list[str]:
        """What the sample is: failed cases, cases that chose the epoch, training seeds behind a model."""
        return sample_notes(self.asked)
