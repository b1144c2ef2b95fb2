"""Tests whether the models of a run without labels are alive, because agreement rewards a dead model."""

from dataclasses import replace
from hashlib import blake2b

from robustq import registry
from robustq.draws.perturbed import Perturber
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.model.spec import NO_SITE
from robustq.results.agreement_figures import ALIVE
from robustq.results.rows import Row, blank_row, of_model
from robustq.run.analyse_pieces import Watcher
from robustq.run.subjects import Subjects

ANALYSER = "liveness"


def liveness_rows(subjects: Subjects, perturber: Perturber, batch_size: int) -> list[Row]:
    """A row for each model, with the verdict of the analyser `liveness` in words.

    A model whose answers to all cases are equal is dead, whatever its bottleneck holds.

    Args:
        subjects: models and cases.
        perturber: makes the draws of the run.
        batch_size: images, slices or windows for each pass.
    """
    with seeded_globals(draw_generator(perturber.settings.seed, "", ANALYSER, 0)):
        analysers = {
            name: {ANALYSER: registry.load("analysers", ANALYSER)(model)}
            for name, model in subjects.models.items()
            if model.spec.site != NO_SITE
        }
        watched = Watcher(subjects, analysers, perturber, batch_size).watch_clean() if analysers else []
        verdicts = {row.model: row for row in watched if row.metric == ALIVE}
        return [
            _of_answers(subjects, name, model, batch_size) or verdicts.get(name) or _without_bottleneck(subjects, name)
            for name, model in subjects.models.items()
        ]


def _of_answers(subjects: Subjects, name: str, model: Segmenter, batch_size: int) -> Row | None:
    """The verdict on a model whose answers to all cases are equal; None if two differ."""
    digests = set()
    for entry in subjects.good:
        case = subjects.cases(entry)
        (answers,) = predict(model, case.image[None], batch_size=batch_size, axis=case.slice_axis)
        # The places of voxels, so that empty answers of any size are equal.
        digests.add(blake2b(answers.masks[0].cpu().nonzero().numpy().tobytes()).digest())
        if len(digests) > 1:
            return None
    if len(subjects.good) < 2:
        return None
    return _verdict(
        subjects, name, 0.0, f"DEAD: its answers to the {len(subjects.good)} unperturbed cases are all equal"
    )


def _without_bottleneck(subjects: Subjects, name: str) -> Row:
    if len(subjects.good) < 2:
        return _verdict(subjects, name, None, "not tested: one case says nothing about differences between images")
    return _verdict(
        subjects, name, 1.0, "its answers to different images differ; no bottleneck was found that could be tested"
    )


def _verdict(subjects: Subjects, name: str, alive: float | None, reason: str) -> Row:
    row = blank_row(subjects.cases.dataset, None)
    of_row = of_model(name, subjects.models[name])
    return replace(row, **of_row, draw=None, metric=ALIVE, value=alive, reason=reason)
