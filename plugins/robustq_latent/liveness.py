"""The analyser `liveness`: does the bottleneck depend on the image at all?"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import pandas as pd
import torch

from robustq.analyser import AbstractAnalyser, Finding
from robustq.data.slices import to_slices
from robustq.dataset import Case
from robustq.latent.latents import Latent
from robustq.model.segmenter import Segmenter
from robustq.network.intervention import answer_change
from robustq.report.grid import Grid
from robustq.report.numbers import number
from robustq_latent.moments import Moments

RESOLUTION = 1e-12
"""A variance below this share of the mean square is not resolved by float32, so the values count as constant."""

ANSWER_RESOLUTION = 1e-6
"""A change of the answer below this share of its largest score is not resolved by float32, so it counts as none."""


class Liveness(AbstractAnalyser):
    """Whether the bottleneck depends on the image at all; its verdict heads every table.

    A bottleneck that ignores the image has a low variance too, and that is not robustness (docs/definitions.md,
    Liveness).

    Each case is compared with the case before it, at the positions that both have: do the codes (or, without a
    codebook, the latents) differ anywhere? The codes in use are counted, and the latent must vary. Only one case's
    latent is in memory at a time. On the first case, what the decoder gets from the bottleneck is changed: does the
    answer change too?
    """

    verdict_metric: ClassVar[str] = "alive"

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model, setting)
        self._last: Latent | None = None
        self._compared, self._differing = 0, 0
        self._codes: set[tuple[int, int]] = set()
        self._moments = Moments()
        self._square = 0.0
        self._answer_change: float | None = None

    def clean(self, case: Case, latent: Latent) -> None:
        """Compare a case with the case before it."""
        tokens = latent.quantised[0]
        self._moments.add(tokens)
        self._square = max(self._square, float(tokens.double().square().mean()))
        if latent.codes is not None:
            for stage, codes in enumerate(latent.codes[0].unbind(1)):
                self._codes.update((stage, code) for code in codes.unique().tolist())
        if self._last is None:
            self._answer_change = _change_of_answer(self.model, case)
        else:
            self._compare(self._last, latent)
        self._last = latent

    def _compare(self, last: Latent, current: Latent) -> None:
        common = tuple(map(min, zip(last.grid, current.grid, strict=True)))
        first, second = (_on_grid(latent, common) for latent in (last, current))
        if last.codes is None:
            # Differences that float32 does not resolve do not count: another batch size can round a constant otherwise.
            differs = (first - second).double().square().mean(-1) > RESOLUTION * max(self._square, 1e-300)
        else:
            differs = (first != second).any(-1)
        self._compared += differs.numel()
        self._differing += int(differs.sum())

    def findings(self) -> Iterable[Finding]:
        """`alive` (1 or 0; no value if there is only one case) with the verdict, and the figures behind it."""
        alive, verdict = self._judge()
        yield Finding("alive", alive, reason=verdict)
        if self._compared:
            yield Finding("differ_between_images", self._differing / self._compared)
        if self._codes:
            yield Finding("codes_chosen", float(len(self._codes)))
        if self._answer_change is not None:
            yield Finding("answer_change", self._answer_change)

    def _judge(self) -> tuple[float | None, str]:
        word = "codes" if self._codes else "latents"
        stages = len({stage for stage, _ in self._codes})
        if self._codes and len(self._codes) == stages:
            return 0.0, "DEAD: one code for every token of every image; its low variance is no robustness"
        if float(self._moments.variance.mean()) <= RESOLUTION * self._square:
            return 0.0, "DEAD: the latent is constant; its low variance is no robustness"
        if self._answer_change is not None and self._answer_change <= ANSWER_RESOLUTION:
            return 0.0, (
                f"DEAD: the {word} vary, but the answer does not depend on the bottleneck: on the first case, changing "
                "what the decoder gets from it changes no score; its figures say nothing about the model's answers"
            )
        if not self._compared:
            return None, "not tested: one case says nothing about differences between images"
        if not self._differing:
            return 0.0, (
                f"DEAD: the {word} of different images are equal at every position, so nothing of the image passes; "
                "its low variance is no robustness"
            )
        share = f"{word} of different images differ at {100 * self._differing / self._compared:.3g} % of positions"
        return 1.0, f"alive: {share}" + (f", {len(self._codes)} codes in use" if self._codes else "")

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """A table with one line for each model."""
        lines = []
        for model in models:
            model_rows = rows[
                (rows["model"] == model) & rows["metric"].isin(["alive", "differ_between_images", "answer_change"])
            ]
            values = dict(zip(model_rows["metric"], model_rows["value"], strict=True))
            alive = {1.0: "yes", 0.0: "NO"}.get(values["alive"], "not tested")
            figures = [number(values.get(metric, torch.nan)) for metric in ("differ_between_images", "answer_change")]
            lines.append([model, alive, *figures])
        header = ["model", "alive", "positions that differ between images", "change of the answer"]
        notes = [
            "positions that differ between images: the share of positions at which two cases have different codes "
            "(without a codebook, different latents). A group is a patient.",
            "change of the answer: the largest change of a class score when what the decoder gets from the bottleneck "
            "is replaced, divided by the largest score; 0 where the decoder ignores the bottleneck.",
        ]
        return [Grid(f"Liveness on {sample}", header, [("", lines)], notes)]


def _change_of_answer(model: Segmenter, case: Case) -> float:
    """How much the answer changes when what the decoder gets from the bottleneck is changed."""
    site = (
        f"bottlenecks.{len(model.bottlenecks) - 1}.project_out" if model.bottlenecks else f"network.{model.spec.site}"
    )
    images = case.image[None]
    if case.slice_axis is not None:
        slices = to_slices(case.image, case.slice_axis)
        images = slices[len(slices) // 2][None]
    return answer_change(model, site, model.accepted(images.to(model.device)), model.spec.head)


def _on_grid(latent: Latent, grid: tuple[int, ...]) -> torch.Tensor:
    """The codes (P, Q) of one image, or without codes its latents (P, D), at the positions of a smaller grid."""
    tokens = (latent.quantised if latent.codes is None else latent.codes)[0]
    common: torch.Tensor = tokens.unflatten(0, latent.grid)[tuple(slice(extent) for extent in grid)]
    return common.flatten(0, len(grid) - 1)
