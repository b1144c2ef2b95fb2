"""What a stress run computes, once its models, its cases and its directory are known."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from robustq.data.training_domains import training_domains
from robustq.dataset import Case
from robustq.model.device import Precision, choose_precision
from robustq.results.directory import RunDirectory
from robustq.results.severity_scale import ENTRY
from robustq.run.batching import BatchSize, run_batch_size
from robustq.run.choose_draws import choose_draws
from robustq.run.draw_counts import DrawCounts, begun_request, draw_counts
from robustq.run.plan import Piece, plan, plan_found_levels, plan_second_stage
from robustq.run.severity import FoundLevels, found_levels, named_levels
from robustq.run.stress_draws import DrawMaker
from robustq.run.stress_request import StressRequest
from robustq.run.stress_rows import volume_unit

Batches = list[list[Piece]]
"""The pieces of each batch."""


@dataclass(frozen=True)
class StressPlan:
    """The plan of a stress run.

    Attributes:
        request: what is asked.
        draw_maker: makes the draws; it holds models and cases.
        draws: how many draws are made.
        batch_size: the batch size.
        precision: precision of the forward passes.
        found: the levels that were found for the targets of a severity; empty if levels were asked for.
        batches: the batches of pieces; those of the first stage where the run chooses the number of draws.
    """

    request: StressRequest
    draw_maker: DrawMaker
    draws: DrawCounts
    batch_size: BatchSize
    precision: Precision
    found: FoundLevels
    batches: Batches

    @classmethod
    def of(
        cls, request: StressRequest, draw_maker: DrawMaker, directory: RunDirectory, on_note: Callable[[str], object]
    ) -> "StressPlan":
        """The plan of a run; a run that began in the directory before keeps what it settled.

        Args:
            request: what is asked.
            draw_maker: makes the draws.
            directory: the run directory.
            on_note: called with a sentence before levels are looked for.

        Raises:
            RequestError: the device does not have the precision.
        """
        subjects = draw_maker.subjects
        begun = begun_request(directory)
        batch_size = run_batch_size(request.batch_size, begun, subjects.batch_size)
        draws = draw_counts(request.draws, request.perturbations, request.attacks, begun)
        cases, together = list(subjects.entries), _draws_together(request, batch_size)
        found: FoundLevels = {}
        if request.severity is None:
            batches = plan(cases, draws.first_stage, request.levels, batch_size=together)
        else:
            on_note(f"Looking for the levels of {request.severity} of {len(cases)} cases.")
            found = found_levels(request.severity, draw_maker.perturber, subjects.cases, subjects.good, directory)
            batches = plan_found_levels(cases, draws.first_stage, named_levels(found), batch_size=together)
        precision = choose_precision(request.precision, subjects.device)
        return cls(request, draw_maker, draws, batch_size, precision, found, batches)

    @property
    def document(self) -> dict[str, Any]:
        """What `run.json` says of the request."""
        return self.request.document(
            source=self.draw_maker.attacker.source,
            draws=self.draws,
            batch_size=self.batch_size.asked,
            precision=self.precision,
        )

    def entries(self) -> dict[str, Any]:
        """Further entries of `run.json`: training domains, the levels of a severity, and volumes for attacks."""
        subjects = self.draw_maker.subjects
        seen = {name: model.spec.seen for name, model in subjects.models.items()}
        entries: dict[str, Any] = {"training_domains": training_domains(subjects.cases.dataset, seen)}
        if self.found:
            entries[ENTRY] = self.found
        if self.request.attacks and len(subjects.units) == 1:
            volumes = {case: _structure_volumes(subjects.cases(entry)) for case, entry in subjects.entries.items()}
            unit = volume_unit(subjects.cases(subjects.good[0]))
            entries["structure_volumes"] = {"unit": unit, "cases": volumes}
        return entries

    def with_second_stage(self, directory: RunDirectory) -> tuple[Batches, Mapping[str, Mapping[float, int]]]:
        """The batches of both stages, and the number of draws that the rows of the first stage call for, by
        perturbation and level.

        Args:
            directory: the run directory, which holds the rows of the first stage.
        """
        numbers = choose_draws(
            directory,
            self.draws.chosen_later,
            self.request.levels,
            most=self.request.most_draws,
            stage=len(self.batches),
        )
        together = _draws_together(self.request, self.batch_size)
        second = plan_second_stage(list(self.draw_maker.subjects.entries), numbers, batch_size=together)
        return [*self.batches, *second], numbers


def _draws_together(request: StressRequest, batch_size: BatchSize) -> int:
    """Number of draws in a batch of pieces."""
    # An attack is slow and takes one case at a time, so its rows are written piece by piece.
    return 1 if request.attacks else batch_size.largest


def _structure_volumes(case: Case) -> dict[str, float]:
    """The volume of each label that the truth of a case shows."""
    voxel = math.prod(case.spacing)
    volumes = zip(case.labels, case.truth.flatten(1).sum(1).tolist(), strict=True)
    return {label: voxels * voxel for label, voxels in volumes if voxels}
