"""Shows the worst cases of a stress run to the models once more, and keeps images and answers for the page."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from robustq.data.slices import slice_axis
from robustq.dataset import Case
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.report.numbers import number
from robustq.report.page.gallery import AGREES, CONFUSED, INVENTED, MISSED
from robustq.results.gallery import STACKS, Kept, keep_picture
from robustq.results.stress_run import Run
from robustq.results.worst_cases import worst_cases
from robustq.run.stress_answers import Answerer
from robustq.run.stress_draws import DrawMaker

CASES = 6
"""Number of cases that are kept."""

SLICES = 9
"""Largest number of slices of a volume."""

PIXELS = {2: 192, 3: 128}
"""Largest extent of a kept image, and of a kept slice of a volume; a larger one is thinned."""


def keep_gallery(run: Run, draw_maker: DrawMaker, answerer: Answerer) -> None:
    """Keep the cases with the lowest scores at the highest level, mean over models, draws and labels.

    Of each case, the perturbation is kept under which its score is lowest, in draw 0.

    Args:
        run: the run, whose rows are whole.
        draw_maker: makes its draws.
        answerer: what the models are shown them with.
    """
    subjects = draw_maker.subjects
    frame = run.to_frame()
    levels = sorted({0.0, *map(float, run.asked["levels"])})
    for place, (case_id, perturbation, level, _) in enumerate(worst_cases(run, frame, CASES), start=1):
        clean = subjects.cases(subjects.entries[case_id])
        slices = _Slices(clean)
        perturbed, marks, scores, stacks = [], [], [], []
        for name, model in subjects.models.items():
            cases = [clean, *(draw_maker.first(name, clean, perturbation, above) for above in levels[1:])]
            answers = _answered(model, cases, answerer)
            perturbed.append(slices.grey(cases[-1]))
            ends = (answers[0], clean), (answers[-1], cases[-1])
            marks.append([slices.marks(answer, case) for answer, case in ends])
            scores.append(_scores(frame, run.metrics[0], name, case_id, perturbation, levels))
            stacks.append(slices.stacks(cases, answers))
        keep_picture(
            run.directory.path,
            place,
            Kept(
                case=case_id,
                perturbation=perturbation,
                level=level,
                models=list(subjects.models),
                scores=[(of_model[0], of_model[-1]) for of_model in scores],
                levels=levels,
                level_scores=scores,
            ),
            clean=slices.grey(clean),
            truth=slices.truth,
            perturbed=perturbed,
            marks=np.array(marks, np.uint8),
            stacks=dict(zip(STACKS, map(np.stack, zip(*stacks, strict=True)), strict=True)),
        )


def _answered(model: Segmenter, cases: Sequence[Case], answerer: Answerer) -> list[Bool[Tensor, "l *s"]]:
    """The masks with which a model answers cases of one shape."""
    batches = predict(
        model,
        torch.stack([case.image for case in cases]),
        batch_size=answerer.batch_size,
        axis=cases[0].slice_axis,
        precision=answerer.precision,
    )
    return [masks for answers in batches for masks in answers.masks.cpu()]


def _scores(
    frame: pd.DataFrame, metric: str, model: str, case: str, perturbation: str, levels: Sequence[float]
) -> list[str]:
    """The mean over labels of draw 0, at each level."""
    rows = frame[
        (frame["metric"] == metric)
        & (frame["model"] == model)
        & (frame["case"] == case)
        & (frame["perturbation"] == perturbation)
        & (frame["draw"] == 0)
    ]
    unit = next(iter(rows["unit"]), "")
    return [
        f"{metric} {number(rows.loc[rows['level'] == at, 'value'].mean(), 2)}{f' {unit}' if unit else ''}"
        for at in levels
    ]


class _Slices:
    """Chooses slices of a case, and turns images and masks into grey values and marks.

    Args:
        clean: the unperturbed case.
    """

    def __init__(self, clean: Case) -> None:
        self._axis = slice_axis(clean.spacing) if clean.dims == 3 else None
        # A file that states its orientation counts its first axis from side to side, so it is turned to be upright.
        self._upright = bool(clean.orientation)
        (low, high), *_ = clean.intensity_range.tolist()
        self._low, self._span = low, (high - low) or 1.0
        truth = clean.truth.any(0)
        self._chosen = self._choose(truth)
        # The slice with most truth.
        self._fullest = 0 if self._axis is None else int(truth.movedim(self._axis, 0).flatten(1).sum(1).argmax())
        self.truth: UInt8[np.ndarray, "n y x"] = self._cut(truth.numpy().astype(np.uint8) * AGREES, self._chosen)

    def grey(self, case: Case) -> UInt8[np.ndarray, "n y x"]:
        """The first channel within the intensity range of the case."""
        return self._cut(self._grey(case), self._chosen)

    def _grey(self, case: Case) -> UInt8[np.ndarray, "*s"]:
        image = case.image[0].double().numpy()
        shares = np.clip((image - self._low) / self._span, 0, 1)
        return np.asarray(np.round(255 * shares).astype(np.uint8))

    def marks(self, answer: Bool[Tensor, "l *s"], case: Case) -> UInt8[np.ndarray, "n y x"]:
        """What each pixel of an answer is beside the truth."""
        counted = answer if case.ignored is None else answer & ~case.ignored
        truth = case.truth
        true, answered = truth.any(0).numpy(), counted.any(0).numpy()
        same = (truth == counted).all(0).numpy()
        marks = np.zeros(true.shape, np.uint8)
        marks[true & answered & same] = AGREES
        marks[true & answered & ~same] = CONFUSED
        marks[true & ~answered] = MISSED
        marks[answered & ~true] = INVENTED
        return self._cut(marks, self._chosen)

    def stacks(
        self, cases: Sequence[Case], answers: Sequence[Bool[Tensor, "l *s"]]
    ) -> list[UInt8[np.ndarray, "v y x"]]:
        """Of the slice with most truth, at each level: the image, the true labels and the answered ones."""
        pictures = [self._grey(case) for case in cases]
        truths = [_numbered(case.truth) for case in cases]
        labels = [_numbered(answer) for answer in answers]
        return [
            np.concatenate([self._cut(pixels, [self._fullest]) for pixels in of_levels])
            for of_levels in (pictures, truths, labels)
        ]

    def _choose(self, truth: Bool[Tensor, "*s"]) -> list[int]:
        """The places of slices, evenly over those that hold truth; all slices if none does."""
        if self._axis is None:
            return [0]
        holds = truth.movedim(self._axis, 0).flatten(1).any(1).nonzero().flatten().tolist()
        holds = holds or list(range(truth.shape[self._axis]))
        count = min(SLICES, len(holds))
        return [holds[round(place * (len(holds) - 1) / max(1, count - 1))] for place in range(count)]

    def _cut(self, pixels: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
        stack = pixels[None] if self._axis is None else np.moveaxis(pixels, self._axis, 0)[chosen]
        most = PIXELS[2 if self._axis is None else 3]
        step = max(1, -(-max(stack.shape[1:]) // most))
        stack = stack[:, ::step, ::step]
        return np.ascontiguousarray(np.rot90(stack, axes=(1, 2)) if self._upright else stack)


def _numbered(masks: Bool[Tensor, "l *s"]) -> UInt8[np.ndarray, "*s"]:
    """For each voxel the place of its label, from 1; 0 for none, and the last one where labels overlap."""
    numbers = np.zeros(masks.shape[1:], np.uint8)
    for place, mask in enumerate(masks.numpy(), start=1):
        numbers[mask] = place
    return numbers
