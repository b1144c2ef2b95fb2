"""Reads what the run directories of all commands have in common."""

import os
from typing import Any, ClassVar

from robustq.model.spec import Spec
from robustq.report.numbers import listed
from robustq.report.sample_notes import sample_notes
from robustq.results.directory import RunDirectory


class Stored:
    """The request of a run and its models and cases. Subclasses read the rows of their command.

    Args:
        path: the run directory. A temporary one stays as long as this object is used.
    """

    command: ClassVar[str]
    """The command whose files are read, as in `RunDirectory`."""

    def __init__(self, path: str | os.PathLike[str] | RunDirectory) -> None:
        self.directory = path if isinstance(path, RunDirectory) else RunDirectory(path, self.command)
        self.document = self.directory.read()

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
    def data(self) -> str:
        """Name of the dataset."""
        return str(self.asked["data"]["name"])

    @property
    def cases(self) -> list[dict[str, str]]:
        """The cases that could be used: the id, group, domain and fingerprint of each."""
        return list(self.asked["data"]["cases"])

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

    def remark_notes(self) -> list[str]:
        """A note for each model that has remarks."""
        return [f"{model}: {'; '.join(remarks)}" for model, remarks in self.remarks().items() if remarks]

    @property
    def missing_batches(self) -> int:
        """How many of the planned batches have no rows yet; 0 once the run is finished."""
        first = self.directory.first_batch
        return len(self.directory.missing(range(first, first + len(self.document["plan"]))))

    @property
    def planned_batches(self) -> int:
        """How many batches are planned."""
        return len(self.document["plan"])

    def unfinished_notes(self) -> list[str]:
        """A note where rows are missing, because the command was stopped."""
        missing, planned = self.missing_batches, self.planned_batches
        if not missing:
            return []
        return [
            f"NOT FINISHED: {missing} of {planned} batches of this run have no rows yet, so the figures are of some "
            "cases and levels only. Give the same command again with the same --out, and it continues."
        ]

    def earlier_notes(self) -> list[str]:
        """A note on resized masks where an earlier version began the run."""
        preparation = self.spec(self.models[0]).preparation
        resized = preparation.size is not None or preparation.spacing is not None
        # Every version that resizes masks without a shift writes this entry.
        if "data_remarks" in self.document or not resized:
            return []
        return [
            "An earlier version of robustq began this run. It shifted masks that it resized by an even factor by half "
            "a voxel. Compare such figures only with figures of that version. If the run was continued since, it holds "
            "both."
        ]

    def pooled_notes(self) -> list[str]:
        """A note where the cases come from several domains, for tables that take all of them together."""
        domains = sorted({case["domain"] for case in self.cases})
        if len(domains) < 2:
            return []
        return [
            f"The cases come from the domains {listed(domains)}. Unless a part of the table names a domain, it takes "
            "the cases of all domains together; the table of robustq stress shows each domain apart."
        ]

    def sample_notes(self) -> list[str]:
        """Notes on patients, failed cases, cases that took part in training, and training seeds."""
        return [*self.unfinished_notes(), *self.earlier_notes(), *sample_notes(self.asked)]
