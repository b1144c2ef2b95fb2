"""The course of a training: from where it stands, epoch by epoch, to the bundle of its best epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from robustq.dataset import Entry
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.model.spec import Spec
from robustq.network.separate_copy import separate_copy
from robustq.network.state import separate_state
from robustq.training.batches import Batches
from robustq.training.history import Epoch, History
from robustq.training.recipe import Recipe
from robustq.training.resume import ResumeFile, TrainingState
from robustq.training.schedule import learning_rate
from robustq.training.state_changes import in_fp32
from robustq.training.trained_spec import trained_spec
from robustq.training.trainer import NotFiniteError, Trainer, make_trainer


@dataclass(frozen=True)
class Course:
    """The course of a training: from where it stands, epoch by epoch, to the bundle of its best epoch.

    Attributes:
        model: the segmenter to start from. It is not changed.
        spec: its spec, with the labels of the dataset.
        recipe: the settings.
        batches: batches of the training cases.
        training: entries of the training cases.
        validation: entries of the cases that choose the best epoch.
        device: device of the training.
        bundle: the bundle to write.
        resume: the resume file.
        on_step: called after each step with the number of steps done and the number of steps of the epoch.
        on_epoch: called with each epoch when it ends.
        on_note: called with each sentence about how the training runs.
    """

    model: Segmenter
    spec: Spec
    recipe: Recipe
    batches: Batches
    training: Sequence[Entry]
    validation: Sequence[Entry]
    device: torch.device
    bundle: Path
    resume: ResumeFile
    on_step: Callable[[int, int], object]
    on_epoch: Callable[[Epoch], object]
    on_note: Callable[[str], object]

    def run(self, state: TrainingState, fresh: TrainingState) -> Segmenter:
        """Train from a state on, and write the bundle.

        Args:
            state: where the training stands.
            fresh: where it begins if it has to start afresh.

        Returns:
            The trained copy with its best weights, in evaluation mode on the CPU.

        Raises:
            RequestError: something is not finite in fp32.
        """
        while True:
            trainer = self._trainer(state)
            try:
                return self._finish(trainer, self._epochs(trainer, state))
            except NotFiniteError as error:
                state = self._after(error, trainer, state, fresh)

    def _trainer(self, state: TrainingState) -> Trainer:
        """The trainer of a new copy of the model."""
        copied = separate_copy(self.model, {}, share=True)
        copied.spec = self.spec
        assert state.precision is not None, "it is chosen before the first epoch"
        return make_trainer(copied, self.recipe, self.batches, self.validation, self.device, state.precision)

    def _epochs(self, trainer: Trainer, state: TrainingState) -> TrainingState:
        """Run the epochs that follow a state, keep the state after each one, and return the last one.

        Raises:
            NotFiniteError: something is not finite in an epoch.
        """
        if state.history.epochs:
            trainer.model.load_state_dict(state.model)
            trainer.optimiser.load_state_dict(state.optimiser)
        history, best = History(list(state.history.epochs)), state.best
        while history.goes_on(self.recipe.epochs, self.recipe.patience):
            number = len(history.epochs) + 1
            for group in trainer.optimiser.param_groups:
                group["lr"] = learning_rate(self.recipe, number)
            epoch = trainer.run_epoch(number, self.on_step)
            history.epochs.append(epoch)
            if history.best is epoch:
                best = separate_state(trainer.model.state_dict())
            state = replace(
                state,
                model=trainer.model.state_dict(),
                optimiser=trainer.optimiser.state_dict(),
                best=best,
                history=history,
                diverged=False,
            )
            self.batches.processes.from_main(partial(self._keep, state))
        return state

    def _keep(self, state: TrainingState) -> None:
        """Write the state after an epoch, and say how the epoch went."""
        self.resume.write(state)
        state.history.write(self.bundle.with_suffix(".history.csv"))
        self.on_epoch(state.history.epochs[-1])

    def _after(
        self, error: NotFiniteError, trainer: Trainer, state: TrainingState, fresh: TrainingState
    ) -> TrainingState:
        """Where the training goes on after something was not finite: in fp32, or in fp32 afresh.

        Args:
            error: what was not finite.
            trainer: its epoch ended so.
            state: where this trainer began.
            fresh: where the training begins if it has to start afresh.

        Raises:
            RequestError: the training was in fp32 with settings of its own, so nothing is left to try.
        """
        from_main = self.batches.processes.from_main
        kept = from_main(self.resume.read)
        if trainer.precision != "fp32":
            state = in_fp32(state if kept is None else kept, trainer.precision, str(error))
            self.on_note(f"{state.reason[0].upper()}{state.reason[1:]}. {_goes_on(len(state.history.epochs))}")
            if kept is not None:
                from_main(partial(self.resume.write, state))
            return state
        if state.retried and kept is not None and len(kept.history.epochs) <= len(state.history.epochs):
            # The epoch that was kept was spoilt already, and a file of it must not stop the next try.
            self.on_note(f"With these settings too, {error}, so the training starts afresh in {fresh.precision}.")
            from_main(self.resume.delete)
            return fresh
        reason = f"{error} in {_weights_words(trainer.model)}"
        raise from_main(partial(self._diverged, kept, reason)) from error

    def _diverged(self, kept: TrainingState | None, reason: str) -> RequestError:
        """The error that ends a training in which something is not finite in fp32. The last whole epoch stays on file.

        Args:
            kept: the state in the resume file; None where no epoch was finished, so that there is no file.
            reason: what is not finite, in which epoch, and what the network computes in.
        """
        words = f"{reason}: lower the learning rate ({self.recipe.learning_rate:g})"
        if kept is None:
            return RequestError(words)
        self.resume.write(replace(kept, diverged=True))
        return RequestError(
            f"{words}; with another --learning-rate the same command continues after epoch "
            f"{len(kept.history.epochs)}, and without the file {self.resume.path} it starts afresh"
        )

    def _finish(self, trainer: Trainer, ended: TrainingState) -> Segmenter:
        """The model with its best weights, written as a bundle."""
        trained = trainer.model
        trained.load_state_dict(ended.best)
        trained.spec = trained_spec(self.spec, self.recipe, trainer, self.training, ended)
        # In the layout in which load gives it, so that both round alike.
        trained.to(device="cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]

        def write() -> None:
            trained.save(self.bundle)
            ended.history.write(self.bundle.with_suffix(".history.csv"))
            self.resume.delete()

        self.batches.processes.from_main(write)
        return trained


def _goes_on(done: int) -> str:
    """In which way a training goes on in fp32 after this number of whole epochs."""
    return f"The training goes on in fp32 from the end of epoch {done}." if done else "It begins again in fp32."


def _weights_words(model: Segmenter) -> str:
    """What a network computes in that is trained in fp32, with the way out if its weights are too coarse for it."""
    coarse = {weight.dtype for weight in model.parameters()} & {torch.float16, torch.bfloat16}
    names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in coarse))
    return f"weights of {names}, which are too coarse for training: give network.float(), or" if coarse else "fp32"
