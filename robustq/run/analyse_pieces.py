"""Computes the rows of an analysis from batches of pieces."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd
import torch

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case, Entry
from robustq.draws.perturbed import Perturber
from robustq.errors import CaseError
from robustq.latent.latents import Latent, latent
from robustq.latent.tangents import tangents
from robustq.network.memory import with_smaller_batches
from robustq.results.rows import FIGURE, NO_ANSWER, Row, blank_row, of_model
from robustq.run.batching import Batching
from robustq.run.fitting_rows import FittingRows
from robustq.run.passes import Passes
from robustq.run.plan import Piece
from robustq.run.subjects import Subjects

NOT_FINITE = "the latents hold NaN or infinity"
"""Reason of a row of a case whose latents are not finite."""


@dataclass
class Watcher:
    """Shows clean cases and draws to the analysers of every model, and turns their findings into rows.

    Attributes:
        subjects: models and cases.
        analysers: analysers by their text in the rows, for each model.
        perturber: makes the draws.
        batch_size: images, slices or windows for each pass of the encoder.
        batchings: for models whose fastest way was found by a trial: that way, where it is smaller.
    """

    subjects: Subjects
    analysers: Mapping[str, Mapping[str, AbstractAnalyser]]
    perturber: Perturber
    batch_size: int
    batchings: Mapping[str, Batching] = field(default_factory=dict)
    _fitting: FittingRows = field(default_factory=FittingRows, repr=False)

    def watch_clean(self) -> list[Row]:
        """Show every clean case to every analyser, and return the rows of their findings."""
        unwatched = []
        for entry in self.subjects.good:
            case = self.subjects.cases(entry)
            for name, analysers in self.analysers.items():
                try:
                    latents, _ = with_smaller_batches(
                        partial(self._latents, name, list(analysers.values()), case, case.image[None]), self.batch_size
                    )
                except CaseError as error:
                    unwatched.append(self._no_answer(name, entry, None, "failed", str(error)))
                    continue
                if not _finite(latents):
                    unwatched.append(self._no_answer(name, entry))
                    continue
                for analyser, clean_latent in zip(analysers.values(), latents, strict=True):
                    analyser.clean(case, clean_latent)
        return unwatched + [
            row
            for name, analysers in self.analysers.items()
            for analyser in analysers.values()
            for row in self.rows(name, analyser.findings())
        ]

    def conclude(self, measured: pd.DataFrame) -> list[Row]:
        """The rows of what the analysers conclude from the rows of all pieces."""
        return [
            row
            for name, analysers in self.analysers.items()
            for analyser in analysers.values()
            for row in self.rows(name, analyser.conclude(measured[measured["model"] == name]))
        ]

    def __call__(self, batch: Sequence[Piece]) -> list[Row]:
        """The rows of a batch of pieces."""
        return [row for piece in batch for row in self._watched(piece)]

    def _watched(self, piece: Piece) -> list[Row]:
        """The rows of a piece, in batches that fit in memory."""
        try:
            return self._fitting(partial(self._watch, piece), dict.fromkeys(self.analysers, self.batch_size))
        except CaseError as error:
            entry = self.subjects.entries[piece.case]
            return [self._no_answer(name, entry, piece, "failed", str(error)) for name in self.analysers]

    def passes(self, piece: Piece) -> Passes:
        """The passes that a piece takes: a second one where the decoder is needed, one for each tangent, and an
        analyser's own."""
        total = 0
        for watchers in self._watchers.values():
            runs = 2 if any(analyser.needs_output for analyser in watchers) else 1
            tangent_passes = piece.draws if any(analyser.needs_tangents for analyser in watchers) else 0
            own = sum(
                analyser.own_passes * min(piece.draws, analyser.own_draws or piece.draws) for analyser in watchers
            )
            total += runs * (1 + piece.draws) + tangent_passes + own
        return Passes(total)

    @property
    def _watchers(self) -> dict[str, list[AbstractAnalyser]]:
        """The analysers of each model that are shown draws."""
        return {
            name: [analyser for analyser in analysers.values() if analyser.needs_draws]
            for name, analysers in self.analysers.items()
        }

    def _watch(self, piece: Piece, batch_size: int) -> Iterator[Row]:
        entry = self.subjects.entries[piece.case]
        case = self.subjects.cases(entry)
        unwatched: set[str] = set()
        for name, watchers in self._watchers.items():
            latents = self._latents(name, watchers, case, case.image[None], batch_size)
            if not _finite(latents):
                unwatched.add(name)
                continue
            for analyser, clean_latent in zip(watchers, latents, strict=True):
                analyser.begin(case, clean_latent)
        # One draw of a volume that is read slice by slice or window by window already fills a batch.
        whole = case.slice_axis is None and self.subjects.cases.preparation.patch is None
        step = batch_size if whole else 1
        for first in range(0, piece.draws, step):
            numbers = range(first, min(first + step, piece.draws))
            drawn = [self.perturber(case, piece.perturbation, piece.level, number) for number in numbers]
            for name, watchers in self._watchers.items():
                if name not in unwatched and not self._observe(name, watchers, case, drawn, first, batch_size):
                    unwatched.add(name)
        parameters = self.perturber.parameters(case, piece.perturbation, piece.level)
        for name, watchers in self._watchers.items():
            if name in unwatched:
                yield replace(self._no_answer(name, entry, piece), parameters=parameters)
                continue
            for analyser in watchers:
                for row in self.rows(name, analyser.end(), piece):
                    seed = None if row.draw is None else self.perturber.seed_of(case, piece.perturbation, row.draw)
                    yield replace(row, parameters=parameters, seed=seed)

    def _observe(
        self,
        name: str,
        watchers: Sequence[AbstractAnalyser],
        case: Case,
        drawn: Sequence[Case],
        first: int,
        batch_size: int,
    ) -> bool:
        """Show some draws to the analysers of a model, unless their latents are not finite; whether they were shown."""
        model, images = self.subjects.models[name], torch.stack([moved.image for moved in drawn])
        latents = self._latents(name, watchers, case, images, batch_size)
        if not _finite(latents):
            return False
        predicted = None
        if any(analyser.needs_tangents for analyser in watchers):
            predicted = tangents(model, case.image, images - case.image, axis=case.slice_axis)
        for analyser, drawn_latent in zip(watchers, latents, strict=True):
            needed = predicted if analyser.needs_tangents else None
            analyser.observe(Draws(first, drawn_latent, needed, drawn, batch_size))
        return True

    def _no_answer(
        self, name: str, entry: Entry, piece: Piece | None = None, status: str = NO_ANSWER, reason: str = NOT_FINITE
    ) -> Row:
        row = blank_row(self.subjects.cases.dataset, entry)
        row = replace(row, **of_model(name, self.subjects.models[name]), draw=None, status=status, reason=reason)
        return row if piece is None else replace(row, perturbation=piece.perturbation, level=piece.level)

    def _latents(
        self, name: str, watchers: Sequence[AbstractAnalyser], case: Case, images: torch.Tensor, batch_size: int
    ) -> list[Latent]:
        """The latents of the images for each analyser; the decoder runs only if one of them needs the output."""
        output_needed = any(analyser.needs_output for analyser in watchers)
        model = self.subjects.models[name]
        size = min(batch_size, self.batchings[name].batch_size) if name in self.batchings else batch_size
        full = latent(model, images, batch_size=size, axis=case.slice_axis, output=output_needed)
        bare = replace(full, output=None)
        return [full if analyser.needs_output else bare for analyser in watchers]

    def rows(self, model: str, findings: Iterable[Finding], piece: Piece | None = None) -> Iterator[Row]:
        """The rows of the findings on one model, for a piece or, without `piece`, for the clean cases."""
        for finding in findings:
            entry = finding.entry if piece is None else self.subjects.entries[piece.case]
            row = blank_row(self.subjects.cases.dataset, entry)
            yield replace(
                row,
                **of_model(model, self.subjects.models[model]),
                domain=row.domain or finding.domain,
                perturbation=finding.perturbation if piece is None else piece.perturbation,
                level=0.0 if piece is None else piece.level,
                draw=finding.draw,
                label=finding.label,
                metric=finding.metric,
                value=finding.value,
                unit=finding.unit,
                reason=finding.reason,
                status=FIGURE if finding.for_figure else "ok",
            )


def _finite(latents: Sequence[Latent]) -> bool:
    """Whether the latents, which all analysers of a model share, hold neither NaN nor infinity."""
    return all(bool(part.isfinite().all()) for latent in latents[:1] for part in (latent.embedding, latent.quantised))
