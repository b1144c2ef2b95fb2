"""Finds, by a short trial, the fastest way to show images to each model."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter

import torch
from torch import Tensor

from robustq.data.slices import to_slices
from robustq.dataset import Case
from robustq.model.device import Precision, autocast
from robustq.model.segmenter import Segmenter
from robustq.model.windows import batches_of
from robustq.network.global_generators import kept_generators
from robustq.network.memory import with_smaller_batches
from robustq.run.batching import FASTEST, PASSES, Batching, BatchSize, fastest
from robustq.run.passes import Counting
from robustq.run.plan import Piece
from robustq.run.recording import Recording
from robustq.shapes import Images

SHARE = 0.02
"""Largest share of the planned passes that a trial may add."""

ENTRY = "batching"
"""The entry of run.json that holds what the trial found, for each model."""

_TOLERANCES = {"fp32": 1e-3, "bf16": 0.05, "fp16": 0.05}
"""By precision: a larger difference, as a share of the largest score, is no rounding."""

Show = Callable[[Segmenter, Images], Tensor]
"""Shows a batch to a model; returns what the pass gives."""


def whole_pass(model: Segmenter, images: Images) -> Tensor:
    """The class scores of a batch."""
    return model.run(images).logits


def encoder_pass(model: Segmenter, images: Images) -> Tensor:
    """The embedding of a batch."""
    return model.encode(images)


@dataclass(frozen=True)
class Trial:
    """Times passes of models over the images of a case.

    Attributes:
        models: models by name, in evaluation mode.
        case: a prepared case; only one of its images, slices or windows is shown.
        precision: precision of the passes.
        show: the pass that is timed.
    """

    models: Mapping[str, Segmenter]
    case: Case
    precision: Precision = "fp32"
    show: Show = whole_pass

    def fastest(self, planned: float, largest: int) -> dict[str, Batching]:
        """The fastest way for each model, by its name.

        A model is left out if few passes are planned, or if its answer to an image depends on the other images of a
        batch or varies from pass to pass: another way would then change its figures.

        Args:
            planned: number of cases that each model will be shown.
            largest: largest number of images in a pass.
        """
        ways = {}
        with kept_generators():
            for name, model in self.models.items():
                most = int(SHARE * planned * self.images(model))
                way = self._fastest(model, largest, most)
                if way is not None:
                    ways[name] = way
        return ways

    def images(self, model: Segmenter) -> int:
        """Number of images, slices or windows that the model is shown of the case."""
        return sum(1 for _ in batches_of(model, self._stack, batch_size=1))

    def bare(self, passes: int, batchings: Mapping[str, Batching], batch_size: int) -> float:
        """Seconds that passes of whole cases, all models together, take with nothing around them.

        Args:
            passes: number of passes through all models.
            batchings: the way of each model for which a trial found one; the others take `batch_size`.
            batch_size: images, slices or windows in a pass.
        """
        each = 0.0
        for name, model in self.models.items():
            size = batchings[name].batch_size if name in batchings else batch_size
            timed, _ = with_smaller_batches(partial(self._seconds, model), size)
            each += timed * self.images(model)
        return each * passes / len(self.models)

    def _seconds(self, model: Segmenter, batch_size: int) -> float:
        return self._timed(model, self._batch(model, batch_size), 1 + PASSES)[0]

    @property
    def _stack(self) -> Images:
        axis = self.case.slice_axis
        return self.case.image[None] if axis is None else to_slices(self.case.image, axis)

    def _batch(self, model: Segmenter, batch_size: int) -> Images:
        """An image of the case, then noise; the images are on the model's device."""
        image = next(iter(batches_of(model, self._stack, batch_size=1)))
        noise = torch.randn(batch_size - 1, *image.shape[1:], generator=torch.Generator().manual_seed(0))
        return torch.cat([image, noise.to(image)]).to(model.device)

    @torch.no_grad()
    def _timed(self, model: Segmenter, images: Images, passes: int) -> tuple[float, Tensor]:
        """Seconds for an image, and what the last pass gives for the first image."""
        best, output = math.inf, images
        for _ in range(passes):
            _finish(model.device)
            begun = perf_counter()
            with autocast(model.device, self.precision):
                output = self.show(model, images)
            _finish(model.device)
            best = min(best, perf_counter() - begun)
        return best / len(images), output[0].float()

    def _fastest(self, model: Segmenter, largest: int, most: int) -> Batching | None:
        """The fastest way for one model, whose weights are left as they are stored."""
        answers: list[Tensor] = []

        def seconds(way: Batching) -> float:
            try:
                with model.laid_out(way.memory_format):
                    time, answer = self._timed(model, self._batch(model, way.batch_size), PASSES)
            except Exception:  # a network given by hand may raise any error, and memory may be too small
                return math.inf
            answers.append(answer)
            return time

        way = fastest(seconds, largest, most, cut_short=model.device.type == "cpu")
        return way if all(self._alike(answers[0], answer) for answer in answers) else None

    def _alike(self, one: Tensor, other: Tensor) -> bool:
        """Whether two answers differ by no more than rounding at most voxels; a code may change at a few."""
        scale = one.abs().max()
        return bool((one - other).abs().median() <= _TOLERANCES[self.precision] * scale)


def _finish(device: torch.device) -> None:
    """Wait until everything that was asked of the device is computed."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def choose_batchings(
    trial: Trial,
    recording: Recording,
    batches: Sequence[Sequence[Piece]],
    counting: Counting,
    batch_size: BatchSize,
    on_note: Callable[[str], object],
) -> dict[str, Batching]:
    """The fastest way for each model: what an earlier trial of this run found, else what the trial finds.

    It is written into the run directory, and the weights are stored as it says. Where the user asked for a batch size,
    nothing is looked for, and no model has a way of its own.

    Args:
        trial: the trial.
        recording: writes into the run directory.
        batches: the plan.
        counting: counts the passes of the plan.
        batch_size: the batch size of the run.
        on_note: called with what the trial found.
    """
    if batch_size.asked != FASTEST:
        return {}
    document = recording.directory.read()
    if ENTRY not in document:
        cost = sum(counting.of(piece).cost for batch in batches for piece in batch)
        with recording.subjects.cases.stopwatch.stage("trial"):
            ways = trial.fastest(cost / counting.networks, batch_size.largest)
        document = {ENTRY: {name: asdict(way) for name, way in ways.items()}}
        recording.directory.add(document)
        if ways:
            on_note(in_words(ways))
    chosen = {name: Batching(**way) for name, way in document[ENTRY].items()}
    for name, way in chosen.items():
        trial.models[name].lay_out(way.memory_format)
    return chosen


def in_words(chosen: Mapping[str, Batching]) -> str:
    """`Fastest here, by a short trial: 1 image a pass, channels last (vq); 4 images a pass, contiguous (unet).`"""
    ways = dict.fromkeys(chosen.values())
    texts = [f"{way} ({', '.join(name for name, other in chosen.items() if other == way)})" for way in ways]
    return f"Fastest here, by a short trial: {'; '.join(texts)}. --batch-size fixes it."
