"""The paper's training recipe, resumable."""

import csv
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robustq.data.open_dataset import open_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.data.slices import to_slices
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.errors import RequestError
from robustq.model.bundle_file import check_name, read_spec
from robustq.model.device import Precision, autocast, choose_device, choose_precision
from robustq.model.segmenter import Segmenter
from robustq.model.spec import adopt_labels
from robustq.quantiser import perplexity
from robustq.training.augment import augment
from robustq.training.freeze import freeze
from robustq.training.loss import SegmentationLoss
from robustq.training.recipe import Recipe
from robustq.training.split import split
from robustq.training.validate import validate

PAPER_BATCH = {2: 10, 3: 2}


@dataclass(frozen=True)
class Epoch:
    """One line of the history.

    Attributes:
        epoch: from 1.
        loss: mean training loss over the steps, the quantiser's share included.
        quantiser_loss: that share.
        validation_dice: mean Dice of the validation cases, as definitions.md takes it.
        codes_in_use: codes chosen at least once on the validation cases; None without a codebook.
        perplexity: of their usage; None without a codebook.
        seconds: wall time of the epoch.
    """

    epoch: int
    loss: float
    quantiser_loss: float
    validation_dice: float
    codes_in_use: int | None
    perplexity: float | None
    seconds: float


def train(
    model: Segmenter,
    data: AbstractDataset | str,
    out: str | os.PathLike[str],
    recipe: Recipe | None = None,
    *,
    on_step: Callable[[int, int], object] = lambda step, steps: None,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
) -> Segmenter:
    """Train a segmenter and write the bundle of its best epoch by validation Dice.

    Beside the bundle stand `<out>.history.csv`, one line an epoch, and, until the training is over,
    `<out>.resume.pt`: started again with the same arguments, a killed training goes on after its last whole epoch and
    ends with the weights of one that was never killed.

    Args:
        model: what to train, in place.
        data: a dataset, or the text of `--data`.
        out: the bundle to write, *.safetensors.
        recipe: the settings; the paper's by default.
        on_step: told (steps done, steps) within each epoch.
        on_epoch: told each epoch as it ends.

    Returns:
        The model with its best weights, in evaluation mode on the processor.

    Raises:
        RequestError: the data does not suit the model, or the file to resume is of another training.
    """
    return _Training(model, data, out, recipe or Recipe(), on_step, on_epoch).run()


class _Training:
    """The state of one training, from its start or from its resume file."""

    def __init__(
        self,
        model: Segmenter,
        data: AbstractDataset | str,
        out: str | os.PathLike[str],
        recipe: Recipe,
        on_step: Callable[[int, int], object],
        on_epoch: Callable[[Epoch], object],
    ) -> None:
        self.out = check_name(out)
        if self.out.exists() and not self._state_file.exists() and read_spec(self.out).training:
            raise RequestError(f"{self.out} is a trained bundle already: give another --out, or delete it")
        self.recipe, self.on_step, self.on_epoch = recipe, on_step, on_epoch
        self.dataset = open_dataset(data) if isinstance(data, str) else data
        model.spec = adopt_labels(model.spec, self.dataset)
        self.model, self.spec = model, model.spec
        self.seed = self.spec.seed if recipe.seed is None else recipe.seed
        self.device = choose_device(recipe.device)
        self.precision: Precision = choose_precision(recipe.precision, self.device)
        self.batch_size = recipe.batch_size or PAPER_BATCH[self.spec.dims]
        self.cases = PreparedCases(self.dataset, self.spec.preparation)
        good = self.cases.check(self.dataset.entries)
        self.training, self.validation = split(good, validation=recipe.validation, seed=recipe.split_seed)
        self.items = [item for entry in self.training for item in self._items(entry)]
        # With the channels innermost a 2D step in bf16 takes half the time; a 3D step takes longer.
        layout = torch.channels_last if self.spec.dims == 2 else torch.preserve_format
        self.model.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        entry, place = self.items[0]
        example = self._draw(entry, place, 0).image[None].to(self.device)
        self.frozen = freeze(self.model, recipe.freeze, example) if recipe.freeze else []
        learnt = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        if not learnt:
            raise RequestError(f"freeze={','.join(recipe.freeze)} leaves nothing to train: nothing is inserted here")
        self.criterion = SegmentationLoss(self.spec.answer, len(self.spec.labels))
        self.optimiser = torch.optim.AdamW(learnt, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] = {}

    def run(self) -> Segmenter:
        """Train until the epochs or the patience are used up."""
        self._resume()
        while len(self.history) < self.recipe.epochs and not self._out_of_patience():
            start = time.monotonic()
            losses = self._train_epoch(len(self.history) + 1)
            score, counts = self._validate()
            epoch = Epoch(
                len(self.history) + 1,
                *losses,
                validation_dice=score,
                codes_in_use=None if counts is None else int((counts > 0).sum()),
                perplexity=None if counts is None else float(perplexity(counts).mean()),
                seconds=time.monotonic() - start,
            )
            self.history.append(epoch)
            if self._best_epoch() is epoch:
                self.best = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
            self._remember()
            self.on_epoch(epoch)
        return self._finish()

    def _items(self, entry: Entry) -> list[tuple[Entry, int | None]]:
        """What a case gives to train on: itself, or its slices for a 2D model."""
        case = self.cases(entry)
        axis = case.slice_axis
        return [(entry, None)] if axis is None else [(entry, place) for place in range(case.image.shape[axis + 1])]

    def _train_epoch(self, epoch: int) -> tuple[float, float]:
        # Dropout, sampled codes and restarts of dead codes draw from the global generators: seeded here, an epoch is
        # the same whether or not the training was killed before it.
        with seeded_globals(draw_generator(self.seed, "", "training", epoch)):
            return self._take_steps(epoch)

    def _take_steps(self, epoch: int) -> tuple[float, float]:
        self.model.train()
        for module in self.frozen:
            module.eval()
        order = torch.randperm(len(self.items), generator=draw_generator(self.seed, "", "order", epoch)).tolist()
        losses = []
        steps = math.ceil(len(order) / self.batch_size)
        for step in range(steps):
            chosen = [self.items[place] for place in order[step * self.batch_size : (step + 1) * self.batch_size]]
            images, truth, ignored = self._batch(chosen, epoch)
            with autocast(self.device, self.precision):
                parts = self.model.run(images)
            loss = self.criterion(parts.logits, truth, ignored) + parts.quantiser_loss
            if not torch.isfinite(loss):
                raise RequestError(
                    f"the loss is {loss.item()} in epoch {epoch}: lower the learning rate "
                    f"({self.recipe.learning_rate:g}) or train in fp32"
                )
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            losses.append((loss.item(), parts.quantiser_loss.item()))
            self.on_step(step + 1, steps)
        total, quantiser = np.mean(losses, axis=0)
        return float(total), float(quantiser)

    def _batch(self, items: Sequence[tuple[Entry, int | None]], epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        cases = [self._draw(entry, place, epoch) for entry, place in items]
        shapes = sorted({tuple(case.image.shape[1:]) for case in cases})
        if len(shapes) > 1:
            raise RequestError(
                f"cases of one batch have different shapes, such as {shapes[0]} and {shapes[-1]}: give --size or "
                "--crop to robustq wrap, or train with --batch-size 1"
            )
        none = torch.zeros(shapes[0], dtype=torch.bool)
        ignored = [none if case.ignored is None else case.ignored for case in cases]
        return (
            torch.stack([case.image for case in cases]).to(self.device),
            torch.stack([case.mask for case in cases]).to(self.device),
            torch.stack(ignored).to(self.device),
        )

    def _draw(self, entry: Entry, place: int | None, epoch: int) -> Case:
        case = self.cases(entry)
        if place is not None:
            case = _slice(case, place)
        return augment(case, seed=self.seed, epoch=epoch) if self.recipe.augmentation else case

    def _validate(self) -> tuple[float, Tensor | None]:
        """Mean Dice over groups, and how often each code was chosen."""
        score, counts = validate(
            self.model, self.cases, self.validation, batch_size=self.batch_size, precision=self.precision
        )
        if math.isnan(score):
            raise RequestError(
                "no validation case shows a label, so no epoch can be chosen: give --validation or a split"
            )
        return score, counts

    def _best_epoch(self) -> Epoch:
        return max(self.history, key=lambda epoch: epoch.validation_dice)  # the first among equals

    def _out_of_patience(self) -> bool:
        return bool(self.history) and len(self.history) - self._best_epoch().epoch >= self.recipe.patience

    @property
    def _state_file(self) -> Path:
        return self.out.with_suffix(".resume.pt")

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a training to be the same; the number of epochs may grow."""
        recipe = {key: value for key, value in self.recipe.to_dict().items() if key not in ("epochs", "patience")}
        return {
            "spec": self.spec.but(training=None).to_dict(),
            "recipe": recipe,
            "cases": [self.dataset.fingerprint(entry) for entry in self.training],
        }

    def _remember(self) -> None:
        state = {
            "identity": self._identity(),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "history": [asdict(epoch) for epoch in self.history],
        }
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._state_file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self._state_file)
        self._write_history()

    def _resume(self) -> None:
        if not self._state_file.exists():
            return
        try:
            state = torch.load(self._state_file, map_location="cpu", weights_only=True)
            same = state["identity"] == self._identity()
        except Exception as error:  # torch.load raises whatever the file provokes
            raise RequestError(f"{self._state_file} cannot be read: delete it to start afresh") from error
        if not same:
            raise RequestError(
                f"{self._state_file} is of another training (model, recipe or cases differ): delete it to start "
                "afresh, or give another --out"
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = state["best"]
        self.history = [Epoch(**line) for line in state["history"]]

    def _write_history(self) -> None:
        with open(self.out.with_suffix(".history.csv"), "w", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Epoch)])
            writer.writeheader()
            writer.writerows(asdict(epoch) for epoch in self.history)

    def _finish(self) -> Segmenter:
        best = self._best_epoch()
        self.model.load_state_dict(self.best)
        self.model.spec = self.spec.but(
            seed=self.seed,
            remarks=self.spec.remarks_once_trained,
            training={
                "dataset": self.dataset.name,
                "recipe": self.recipe.to_dict() | {"batch_size": self.batch_size, "precision": self.precision},
                "epochs": len(self.history),
                "best_epoch": best.epoch,
                "validation_dice": best.validation_dice,
                "codes_in_use": best.codes_in_use,
                "perplexity": best.perplexity,
                "training_cases": [self.dataset.fingerprint(entry) for entry in self.training],
                "failures": dict(self.cases.failures),
                "validation_cases": [self.dataset.fingerprint(entry) for entry in self.validation],
            },
        )
        model = self.model.cpu().eval()
        model.save(self.out)
        self._write_history()
        self._state_file.unlink(missing_ok=True)
        return model


def _slice(case: Case, place: int) -> Case:
    """One slice of a volume as a 2D case of its own, for training."""
    axis = case.slice_axis
    assert axis is not None, "only volumes are sliced"
    spacing = tuple(extent for number, extent in enumerate(case.spacing) if number != axis)
    ignored = None if case.ignored is None else case.ignored.select(axis, place)
    return Case(
        image=to_slices(case.image, axis)[place],
        mask=to_slices(case.mask, axis)[place],
        intensity_range=case.intensity_range,
        spacing=spacing,
        unit=case.unit,
        entry=Entry(f"{case.entry.id}#{place}", case.entry.group, case.entry.domain, case.entry.split),
        labels=case.labels,
        ignored=ignored,
    )
