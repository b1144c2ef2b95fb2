"""Runs the epochs of a training."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from robustq.dataset import Entry
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.errors import RequestError
from robustq.model.device import Precision, autocast
from robustq.model.segmenter import Parts, Segmenter
from robustq.network.global_generators import GeneratorStream, kept_generators
from robustq.network.memory import is_out_of_memory
from robustq.network.output_masks import require_one_answer
from robustq.network.separate_copy import separate_copy
from robustq.network.state import first_not_finite
from robustq.quantiser import perplexity
from robustq.training.batch_of_one import join_lone_item
from robustq.training.batches import Batches
from robustq.training.freeze import freeze
from robustq.training.fresh_prior import fresh_prior
from robustq.training.history import Epoch
from robustq.training.loss import SegmentationLoss
from robustq.training.prior_loss import WEIGHT, prior_loss
from robustq.training.processes import Processes
from robustq.training.recipe import AFTER, Recipe
from robustq.training.validate import validate, validation_nats
from robustq.training.whole_batch import whole_batch


class NotFiniteError(Exception):
    """A loss, a gradient or a weight is NaN or infinite, so that the model is of no use any more.

    The text says which one, and in which epoch.
    """


@dataclass(frozen=True)
class Trainer:
    """Runs the epochs of a training.

    Attributes:
        model: the segmenter that is trained, on its device.
        optimiser: optimiser of the weights that are trained.
        criterion: loss of outputs against truth.
        frozen: modules that stay in evaluation mode.
        batches: batches of the training cases.
        validation: the cases that choose the best epoch.
        precision: precision of the forward passes.
        prior_alone: whether the model's prior over codes is all that is trained.
    """

    model: Segmenter
    optimiser: torch.optim.Optimizer
    criterion: SegmentationLoss
    frozen: Sequence[nn.Module]
    batches: Batches
    validation: Sequence[Entry]
    precision: Precision
    prior_alone: bool = False

    def run_epoch(self, number: int, on_step: Callable[[int, int], object]) -> Epoch:
        """Show every item once, then score the validation cases.

        Raises:
            NotFiniteError: a loss, a gradient or a weight is NaN or infinite.
            RequestError: a batch does not fit in memory. A smaller one would be another recipe, so it is not chosen
                here.
        """
        try:
            return self._run_epoch(number, on_step)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise RequestError(
                f"epoch {number} does not fit in the memory of {self.model.device}: train with a smaller --batch-size "
                "(another recipe, so it begins anew), smaller images or a patch"
            ) from error

    def _run_epoch(self, number: int, on_step: Callable[[int, int], object]) -> Epoch:
        """Show every item once, then score the validation cases.

        Raises:
            NotFiniteError: a loss, a gradient or a weight is not finite.
            RequestError: no validation case shows a label.
        """
        start = time.monotonic()
        # Dropout, sampled codes and restarts of dead codes draw from the global generators. They are seeded here, so
        # that an epoch is the same whether or not the training was killed before it.
        with seeded_globals(draw_generator(self.batches.seed, "", "training", number)):
            with self._draws_of_process(number) as draws:
                loss, quantiser_loss, *of_prior = self._take_steps(number, on_step, draws)
            if not self.prior_alone:
                # Batch normalisation counts the share of its own process.
                self.processes.average(buffer for buffer in self.model.network.buffers() if buffer.is_floating_point())
            weight = first_not_finite(self.model, self.model.state_dict())
            if weight is not None:
                raise NotFiniteError(f"the weight {weight} is not finite in epoch {number}")
            score, counts = (None, None) if self.prior_alone else self._validate()
            nats = validation_nats(
                self.model,
                self.batches.cases,
                self.validation,
                batch_size=self.batches.size,
                processes=self.processes,
            )
        return Epoch(
            number,
            loss,
            quantiser_loss,
            validation_dice=score,
            codes_in_use=None if counts is None else int((counts > 0).sum()),
            perplexity=None if counts is None else float(perplexity(counts).mean()),
            seconds=time.monotonic() - start,
            precision=self.precision,
            prior_loss=next(iter(of_prior), None),
            validation_nats=nats,
        )

    def _validate(self) -> tuple[float, Tensor | None]:
        """The mean Dice of the validation cases, and how often each code was chosen.

        Raises:
            RequestError: no validation case shows a label.
        """
        score, counts = validate(
            self.model,
            self.batches.cases,
            self.validation,
            batch_size=self.batches.size,
            precision=self.precision,
            processes=self.processes,
        )
        if math.isnan(score):
            raise RequestError(
                "no validation case shows a label, so no epoch can be chosen: give a larger --validation, or a split"
            )
        return score, counts

    @property
    def processes(self) -> Processes:
        """The processes that share the training."""
        return self.batches.processes

    @contextmanager
    def _draws_of_process(self, number: int) -> Iterator[GeneratorStream]:
        """The stream that all processes share; the global generators give each process other numbers in this context.

        So the dropout of one process is not that of the others. The main process draws as a single one does.
        """
        draws = GeneratorStream()
        if self.processes.is_main:
            yield draws
            return
        with seeded_globals(draw_generator(self.batches.seed, f"process {self.processes.rank}", "training", number)):
            yield draws

    def _take_steps(self, number: int, on_step: Callable[[int, int], object], draws: GeneratorStream) -> list[float]:
        """The mean loss of an epoch's steps, the quantiser's share of it, and where there is a prior, its own loss.

        Where processes share a batch, each one computes the loss of the whole batch, from the scores of all.
        """
        self.model.train()
        for module in self.frozen:
            module.eval()
        device = self.model.device
        losses: list[Tensor] = []
        lengths = self.batches.lengths
        for step, batch in enumerate(self.batches.of_epoch(number), start=1):
            images, truth, ignored = (tensor.to(device) for tensor in batch)
            length = lengths[step - 1]
            with autocast(device, self.precision), whole_batch(self.model, self.processes, length, draws):
                parts = self.model.run(images)
            if self.model.spec.head is None:
                require_one_answer(parts.output, self.model.image_size, self.model.spec.classes)
            terms = self._losses(parts, truth, ignored, length)
            loss = terms[0]
            self._check_graph(loss, parts.embedding)
            if not torch.isfinite(loss):
                raise NotFiniteError(f"the loss is {loss.item()} in epoch {number}")
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.processes.average(self._gradients())
            self._check_gradients(number)
            self.optimiser.step()
            # Sums on a GPU are rounded in any order, and a codebook that follows its tokens would drift apart.
            self.processes.take_from_main(self._followed())
            losses.append(torch.stack([term.detach().to(loss) for term in terms]))
            on_step(step, len(self.batches))
        means: list[float] = np.mean(torch.stack(losses).double().cpu().numpy(), axis=0).tolist()
        return means

    def _losses(self, parts: Parts, truth: Tensor, ignored: Tensor, length: int) -> list[Tensor]:
        """What a step minimises, the loss of the quantiser, and where there is a prior, its own loss."""
        of_prior = self._prior_loss(parts, length)
        if self.prior_alone:
            return [*of_prior, parts.quantiser_loss, *of_prior]
        of_batch = [self.processes.gathered(tensor, length) for tensor in (parts.logits, truth, ignored)]
        loss = self.criterion(*of_batch) + parts.quantiser_loss
        for term in of_prior:
            loss = loss + WEIGHT * term
        return [loss, parts.quantiser_loss, *of_prior]

    def _followed(self) -> list[Tensor]:
        """The tensors that follow the tokens of each batch: codebooks of moving averages, and σ² of the prior."""
        inserted = [self.model.bottlenecks, *([] if self.model.prior is None else [self.model.prior])]
        return [buffer for module in inserted for buffer in module.buffers()]

    def _prior_loss(self, parts: Parts, length: int) -> list[Tensor]:
        """The loss of the prior on the whole batch, as a list; an empty list where the model has no prior."""
        if self.model.prior is None:
            return []
        assert self.model.quantiser is not None, "a prior is over the codes of a quantiser"
        assert parts.codes is not None, "a quantiser with vectors gives codes"
        embedding = parts.embedding.detach() if self.prior_alone else parts.embedding
        of_batch = [self.processes.gathered(tensor, length) for tensor in (embedding, parts.codes)]
        return [prior_loss(self.model.prior, self.model.quantiser, *of_batch)]

    def _check_graph(self, loss: Tensor, embedding: Tensor) -> None:
        """Refuse a network that computes without gradients where something is to be trained."""
        inserted = any(parameter.requires_grad for parameter in self.model.bottlenecks.parameters())
        if loss.requires_grad and (embedding.requires_grad or not inserted):
            return
        where = "its bottleneck" if loss.requires_grad else "its answer"
        raise RequestError(
            f"the network computes {where} without gradients (under torch.no_grad, torch.inference_mode or a reentrant "
            "torch.utils.checkpoint), so nothing there can be trained: take this out of its forward, or cut it after "
            "that part with at=NAME (--at)"
        )

    def _gradients(self) -> list[Tensor]:
        parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        return [parameter.grad for parameter in parameters if parameter.grad is not None]

    def _check_gradients(self, number: int) -> None:
        finite = [gradient.isfinite().all() for gradient in self._gradients()]
        # One question to the device for all gradients, because each one waits for it.
        if finite and not torch.stack(finite).all():
            raise NotFiniteError(f"a gradient is not finite in epoch {number}")


def make_trainer(
    model: Segmenter,
    recipe: Recipe,
    batches: Batches,
    validation: Sequence[Entry],
    device: torch.device,
    precision: Precision,
) -> Trainer:
    """The trainer of a model: the model is moved to its device, gets a fresh prior over codes if the recipe asks for
    one, parts are frozen, and the rest gets an optimiser.

    Raises:
        RequestError: nothing is left to train, the network cannot be trained on its batches, or there can be no prior.
    """
    model.to(device=device)
    model.prior = fresh_prior(model, batches.seed) if recipe.prior else None
    image = batches.draw(batches.items[0], epoch=0).image[None].to(device)
    # With the channels innermost a 2D step in bf16 takes half the time; a 3D step takes longer.
    if model.spec.dims == 2 and _takes_channels_last(model, image):
        model.to(memory_format=torch.channels_last)
    frozen: list[nn.Module] = []
    if recipe.freeze:
        frozen = freeze(model, recipe.freeze, image)
    prior_alone = recipe.prior == AFTER
    if prior_alone:
        frozen = [model.network, model.bottlenecks]
        for module in frozen:
            module.requires_grad_(False)
    batches = join_lone_item(batches, model, frozen)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable and not recipe.freeze:
        raise RequestError("the model has no parameter that can be trained: wrap a network that has some")
    if not trainable:
        raise RequestError(f"freeze={','.join(recipe.freeze)} leaves nothing to train: freeze fewer parts")
    return Trainer(
        model=model,
        optimiser=torch.optim.AdamW(trainable, lr=recipe.learning_rate, weight_decay=recipe.weight_decay),
        criterion=SegmentationLoss(model.spec.answer, len(model.spec.labels), recipe.loss),
        frozen=frozen,
        batches=batches,
        validation=validation,
        precision=precision,
        prior_alone=prior_alone,
    )


@torch.no_grad()
def _takes_channels_last(model: Segmenter, image: Tensor) -> bool:
    """Whether a network can be trained with the channels innermost; a `view` of a feature map can stand against it."""
    trial = separate_copy(model, {}, share=True).train()  # a pass in training mode changes buffers
    trial.to(memory_format=torch.channels_last)
    try:
        with kept_generators():
            trial.run(torch.cat([image, image]))  # two, because batch normalisation may not take one
    except RequestError as error:
        return "view" not in str(error)
    return True
