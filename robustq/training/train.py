"""Train a segmenter with the paper's recipe; a killed training can be resumed."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from robustq.data.open_dataset import Data, as_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import AbstractDataset, Entry
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.errors import RequestError
from robustq.model.bundle_file import check_extra_states, check_name, read_spec
from robustq.model.device import Precision, autocast, choose_device, choose_precision
from robustq.model.segmenter import Segmenter
from robustq.model.spec import Spec, adopt_labels
from robustq.model.weights_digest import as_known
from robustq.model.windows import windows_of
from robustq.network.output_masks import require_one_answer
from robustq.network.separate_copy import separate_copy
from robustq.network.state import separate_state
from robustq.quantiser import perplexity
from robustq.training.batch_of_one import join_lone_item
from robustq.training.batches import Batches, items_of
from robustq.training.freeze import freeze
from robustq.training.history import Epoch as Epoch
from robustq.training.history import History
from robustq.training.loss import SegmentationLoss
from robustq.training.recipe import Recipe
from robustq.training.resume import ResumeFile, TrainingState, identity
from robustq.training.split import split
from robustq.training.validate import validate

PAPER_BATCH = {2: 10, 3: 2}


def train(
    model: Segmenter,
    data: Data,
    out: str | os.PathLike[str],
    recipe: Recipe | None = None,
    *,
    on_step: Callable[[int, int], object] = lambda step, steps: None,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
) -> Segmenter:
    """Train a copy of a segmenter and write the bundle of its best epoch by validation Dice.

    Two more files are written in the folder of the bundle: `<out>.history.csv`, with one line per epoch, and, until the
    training is over, `<out>.resume.pt`. Call `train` again with the same arguments to resume a killed training: it
    continues after its last whole epoch, and ends with the weights of a training that was never killed.

    Args:
        model: the segmenter to start from. It is not changed.
        data: a dataset, or the text of `--data`.
        out: the bundle to write, *.safetensors.
        recipe: the settings; the paper's by default.
        on_step: called after each step with the number of steps done and the number of steps of the epoch.
        on_epoch: called with each epoch when it ends.

    Returns:
        The trained copy with its best weights, in evaluation mode on the CPU.

    Raises:
        RequestError: the data does not suit the model, or the file to resume is of another training.
    """
    recipe = recipe or Recipe()
    bundle = check_name(out)
    resume_path = bundle.with_suffix(".resume.pt")
    if bundle.exists() and not resume_path.exists() and read_spec(bundle).training:
        raise RequestError(f"{bundle} is a trained bundle already: give another --out, or delete it")
    dataset = as_dataset(data)
    spec = adopt_labels(as_known(model.spec, model.state_dict()), dataset)
    windows_of(spec.preparation)  # refuses a missing library before the first epoch, which validates with it
    device = choose_device(recipe.device)
    precision = choose_precision(recipe.precision, device)
    cases = PreparedCases(dataset, spec.preparation)
    training, validation = split(cases.check(dataset.entries), validation=recipe.validation, seed=recipe.split_seed)
    trained = separate_copy(model, {})
    trained.spec = spec
    check_extra_states(trained.state_dict())
    batches = Batches(
        cases=cases,
        items=items_of(cases, training),
        size=recipe.batch_size or PAPER_BATCH[spec.dims],
        seed=spec.seed if recipe.seed is None else recipe.seed,
        augmented=recipe.augmentation,
    )
    trainer = _make_trainer(trained, recipe, batches, validation, device, precision)
    resume = ResumeFile(resume_path, identity(spec, recipe, _fingerprints(dataset, training)))
    state = resume.read()
    history, best = History(), dict[str, Tensor]()
    if state is not None:
        trained.load_state_dict(state.model)
        trainer.optimiser.load_state_dict(state.optimiser)
        history, best = state.history, state.best

    while history.goes_on(recipe.epochs, recipe.patience):
        epoch = trainer.run_epoch(len(history.epochs) + 1, on_step)
        history.epochs.append(epoch)
        if history.best is epoch:
            best = separate_state(trained.state_dict())
        resume.write(TrainingState(trained.state_dict(), trainer.optimiser.state_dict(), best, history))
        history.write(bundle.with_suffix(".history.csv"))
        on_epoch(epoch)

    trained.load_state_dict(best)
    trained.spec = _trained_spec(spec, recipe, trainer, training, history)
    trained.cpu().eval()
    trained.save(bundle)
    history.write(bundle.with_suffix(".history.csv"))
    resume.delete()
    return trained


def _fingerprints(dataset: AbstractDataset, entries: Sequence[Entry]) -> list[str]:
    return [dataset.fingerprint(entry) for entry in entries]


@dataclass(frozen=True)
class _Trainer:
    """Runs the epochs of a training.

    Attributes:
        model: the segmenter that is trained, on its device.
        optimiser: optimiser of the weights that are trained.
        criterion: loss of outputs against truth.
        frozen: modules that stay in evaluation mode.
        batches: batches of the training cases.
        validation: the cases that choose the best epoch.
        precision: precision of the forward passes.
    """

    model: Segmenter
    optimiser: torch.optim.Optimizer
    criterion: SegmentationLoss
    frozen: Sequence[nn.Module]
    batches: Batches
    validation: Sequence[Entry]
    precision: Precision

    def run_epoch(self, number: int, on_step: Callable[[int, int], object]) -> Epoch:
        """Show every item once, then score the validation cases.

        Raises:
            RequestError: the loss is not finite, or no validation case shows a label.
        """
        start = time.monotonic()
        # Dropout, sampled codes and restarts of dead codes draw from the global generators. They are seeded here, so
        # that an epoch is the same whether or not the training was killed before it.
        with seeded_globals(draw_generator(self.batches.seed, "", "training", number)):
            loss, quantiser_loss = self._take_steps(number, on_step)
        score, counts = validate(
            self.model, self.batches.cases, self.validation, batch_size=self.batches.size, precision=self.precision
        )
        if math.isnan(score):
            raise RequestError(
                "no validation case shows a label, so no epoch can be chosen: give a larger --validation, or a split"
            )
        return Epoch(
            number,
            loss,
            quantiser_loss,
            validation_dice=score,
            codes_in_use=None if counts is None else int((counts > 0).sum()),
            perplexity=None if counts is None else float(perplexity(counts).mean()),
            seconds=time.monotonic() - start,
        )

    def _take_steps(self, number: int, on_step: Callable[[int, int], object]) -> tuple[float, float]:
        """The mean loss of an epoch's steps, and the quantiser's share of it."""
        self.model.train()
        for module in self.frozen:
            module.eval()
        device = self.model.device
        losses = []
        for step, batch in enumerate(self.batches.of_epoch(number), start=1):
            images, truth, ignored = (tensor.to(device) for tensor in batch)
            with autocast(device, self.precision):
                parts = self.model.run(images)
            if self.model.spec.head is None:
                require_one_answer(parts.output, self.model.image_size)
            loss = self.criterion(parts.logits, truth, ignored) + parts.quantiser_loss
            if not torch.isfinite(loss):
                raise RequestError(
                    f"the loss is {loss.item()} in epoch {number}: lower the learning rate "
                    f"({self.optimiser.param_groups[0]['lr']:g}) or train in fp32"
                )
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            losses.append((loss.item(), parts.quantiser_loss.item()))
            on_step(step, len(self.batches))
        total, quantiser = np.mean(losses, axis=0)
        return float(total), float(quantiser)


def _make_trainer(
    model: Segmenter,
    recipe: Recipe,
    batches: Batches,
    validation: Sequence[Entry],
    device: torch.device,
    precision: Precision,
) -> _Trainer:
    """The trainer of a model: the model is moved to its device, parts are frozen, and the rest gets an optimiser.

    Raises:
        RequestError: nothing is left to train, or the network cannot be trained on its batches.
    """
    # With the channels innermost a 2D step in bf16 takes half the time; a 3D step takes longer.
    layout = torch.channels_last if model.spec.dims == 2 else torch.preserve_format
    model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    frozen: list[nn.Module] = []
    if recipe.freeze:
        example = batches.draw(batches.items[0], epoch=0).image[None].to(device)
        frozen = freeze(model, recipe.freeze, example)
    batches = join_lone_item(batches, model, frozen)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable and not recipe.freeze:
        raise RequestError("the model has no parameter that can be trained: wrap a network that has some")
    if not trainable:
        raise RequestError(f"freeze={','.join(recipe.freeze)} leaves nothing to train: freeze fewer parts")
    return _Trainer(
        model=model,
        optimiser=torch.optim.AdamW(trainable, lr=recipe.learning_rate, weight_decay=recipe.weight_decay),
        criterion=SegmentationLoss(model.spec.answer, len(model.spec.labels)),
        frozen=frozen,
        batches=batches,
        validation=validation,
        precision=precision,
    )


def _trained_spec(spec: Spec, recipe: Recipe, trainer: _Trainer, training: Sequence[Entry], history: History) -> Spec:
    """The spec that says how a model was trained, and on which cases."""
    best, batches = history.best, trainer.batches
    dataset = batches.cases.dataset
    return spec.but(
        seed=batches.seed,
        remarks=spec.remarks_once_trained,
        training={
            "dataset": dataset.name,
            "recipe": recipe.to_dict() | {"batch_size": batches.size, "precision": trainer.precision},
            "epochs": len(history.epochs),
            "best_epoch": best.epoch,
            "validation_dice": best.validation_dice,
            "codes_in_use": best.codes_in_use,
            "perplexity": best.perplexity,
            "training_cases": _fingerprints(dataset, training),
            "failures": dict(batches.cases.failures),
            "validation_cases": _fingerprints(dataset, trainer.validation),
        },
    )
