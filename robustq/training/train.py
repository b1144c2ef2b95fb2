"""Train a segmenter with the paper's recipe; a killed training can be resumed."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from robustq.data.open_dataset import Data, as_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import AbstractDataset, Entry
from robustq.errors import RequestError
from robustq.model.bundle_file import check_extra_states, check_name, read_spec
from robustq.model.device import Precision
from robustq.model.segmenter import Segmenter
from robustq.model.spec import Spec, adopt_labels
from robustq.model.weights_digest import as_known
from robustq.model.windows import windows_of
from robustq.network.separate_copy import separate_copy
from robustq.network.state import separate_state
from robustq.one_writer import one_writer
from robustq.training.batches import Batches, items_of
from robustq.training.fresh_prior import check_prior
from robustq.training.history import Epoch as Epoch
from robustq.training.history import History
from robustq.training.noise_augmentation import NoiseAugmentation
from robustq.training.precision import training_precision
from robustq.training.prior_loss import WEIGHT
from robustq.training.processes import Processes, device_of_process, launched
from robustq.training.recipe import AFTER, Recipe
from robustq.training.resume import ResumeFile, TrainingState, identity
from robustq.training.schedule import learning_rate
from robustq.training.split import split
from robustq.training.trainer import NotFiniteError, Trainer, make_trainer
from robustq.whole_file import in_words

PAPER_BATCH = {2: 10, 3: 2}


def train(
    model: Segmenter,
    data: Data,
    out: str | os.PathLike[str],
    recipe: Recipe | None = None,
    *,
    on_step: Callable[[int, int], object] = lambda step, steps: None,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
    on_note: Callable[[str], object] = lambda sentence: None,
) -> Segmenter:
    """Train a copy of a segmenter and write the bundle of its best epoch by validation Dice.

    With `prior="after"` in the recipe, only a prior over the codes of a trained segmenter is trained, and its best
    epoch is that with the fewest nats a token on the validation cases. Every training begins with a fresh prior, or
    without one.

    Two more files are written in the folder of the bundle: `<out>.history.csv`, with one line per epoch, and, until the
    training is over, `<out>.resume.pt`. Call `train` again with the same arguments to resume a killed training: it
    continues after its last whole epoch, and ends with the weights of a training that was never killed.

    Where a loss, a gradient or a weight is not finite in bf16 or fp16, the training goes on in fp32 from the end of the
    last whole epoch. Where one is not finite in fp32, the training ends; the state after the last whole epoch is kept,
    and from there another learning rate or precision may be tried.

    Where `accelerate launch` has started several processes, each one calls `train` with the same arguments, and they
    share every batch (docs/commands.md, train). Only the main process writes, and only there `on_step`, `on_epoch` and
    `on_note` are called. A stopped training may be continued by another number of processes.

    Args:
        model: the segmenter to start from. It is not changed.
        data: a dataset, or the text of `--data`.
        out: the bundle to write, *.safetensors.
        recipe: the settings; the paper's by default.
        on_step: called after each step with the number of steps done and the number of steps of the epoch.
        on_epoch: called with each epoch when it ends.
        on_note: called with each sentence about how the training runs: the precision and the reason for it, whether an
            earlier training continues, and what changes between epochs.

    Returns:
        The trained copy with its best weights, in evaluation mode on the CPU.

    Raises:
        RequestError: the data does not suit the model, the file to resume is of another training, or something is not
            finite in fp32; or another process trains towards the same bundle.
        StorageError: the disk is full, can only be read, or is gone.
        MainProcessError: this is not the main process, and the main process has raised one of these errors.
    """
    bundle, recipe = check_name(out), recipe or Recipe()
    processes = launched(recipe.device)
    with ExitStack() as held:
        processes.from_main(lambda: held.enter_context(_target(bundle)))
        if not processes.is_main:
            on_step, on_epoch, on_note = _ignore, _ignore, _ignore
        return _train(model, data, bundle, recipe, processes, on_step, on_epoch, on_note)


@contextmanager
def _target(bundle: Path) -> Iterator[None]:
    """The folder of a bundle is there, and no other training writes to it, within this context."""
    try:
        bundle.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise in_words(bundle, error) from error
    with one_writer(bundle):
        yield


def _ignore(*values: object) -> None:
    """Take what the main process says too."""


def _train(
    model: Segmenter,
    data: Data,
    bundle: Path,
    recipe: Recipe,
    processes: Processes,
    on_step: Callable[[int, int], object],
    on_epoch: Callable[[Epoch], object],
    on_note: Callable[[str], object],
) -> Segmenter:
    """What `train` does while no other process writes."""
    resume_path = bundle.with_suffix(".resume.pt")
    processes.from_main(lambda: _refuse_trained(bundle, resume_path))
    dataset = as_dataset(data)
    spec = adopt_labels(as_known(model.spec, model.state_dict()), dataset)
    check_prior(model, recipe)
    windows_of(spec.preparation)  # refuses a missing library before the first epoch, which validates with it
    device = device_of_process(recipe.device, processes)
    precision, reason = training_precision(recipe.precision, device)
    cases = PreparedCases(dataset, spec.preparation)
    training, validation = split(cases.check(dataset.entries), validation=recipe.validation, seed=recipe.split_seed)
    check_extra_states(model.state_dict())
    batches = Batches(
        cases=cases,
        items=items_of(cases, training),
        size=recipe.batch_size or PAPER_BATCH[spec.dims],
        seed=spec.seed if recipe.seed is None else recipe.seed,
        augmented=recipe.augmentation,
        processes=processes,
        noise=None if recipe.augment_noise is None else NoiseAugmentation.parse(recipe.augment_noise),
    )
    if processes.count > batches.size:
        raise RequestError(
            f"{processes.count} processes cannot share batches of {batches.size}: start at most {batches.size}, or "
            "give a larger --batch-size (another recipe)"
        )
    resume = ResumeFile(resume_path, identity(spec, recipe, _fingerprints(dataset, training)))
    state = processes.from_main(resume.read)
    fresh = TrainingState({}, {}, {}, History(), precision, reason)
    if state is None:
        state = fresh
    else:
        on_note(f"An earlier training was stopped. It continues from {resume_path}.")
        state = _with_settings(state, recipe, precision, reason)
    if processes.count > 1:
        on_note(f"{processes.count} processes share each batch of {batches.size}.")
    on_note(f"The training computes in {state.precision}: {state.reason}.")
    for change in state.changes:
        on_note(f"A setting has changed: {change}.")

    def write(state: TrainingState) -> None:
        resume.write(state)
        state.history.write(bundle.with_suffix(".history.csv"))
        on_epoch(state.history.epochs[-1])

    def keep(state: TrainingState) -> None:
        processes.from_main(lambda: write(state))

    ended = None
    while ended is None:
        trained = separate_copy(model, {}, share=True)
        trained.spec = spec
        assert state.precision is not None, "it was chosen above"
        trainer = make_trainer(trained, recipe, batches, validation, device, state.precision)
        try:
            ended = _run_epochs(trainer, recipe, state, on_step, keep)
        except NotFiniteError as error:
            kept = processes.from_main(resume.read)
            if trainer.precision == "fp32" and state.retried and kept is not None and not _is_later(kept, state):
                # The epoch that was kept was spoilt already, and a file of it must not stop the next try.
                on_note(f"With these settings too, {error}, so the training starts afresh in {precision}.")
                processes.from_main(resume.delete)
                state = fresh
                continue
            if trainer.precision == "fp32":
                reason = f"{error} in {_weights_words(trained)}"
                raise processes.from_main(partial(_end_diverged, resume, kept, recipe, reason)) from error
            state = _in_fp32(state if kept is None else kept, trainer.precision, str(error))
            on_note(f"{state.reason[0].upper()}{state.reason[1:]}. {_goes_on(len(state.history.epochs))}")
            if kept is not None:
                processes.from_main(partial(resume.write, state))

    trained.load_state_dict(ended.best)
    trained.spec = _trained_spec(spec, recipe, trainer, training, ended)
    # In the layout in which load gives it, so that both round alike.
    trained.to(device="cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    written = ended

    def finish() -> None:
        trained.save(bundle)
        written.history.write(bundle.with_suffix(".history.csv"))
        resume.delete()

    processes.from_main(finish)
    return trained


def _refuse_trained(bundle: Path, resume_path: Path) -> None:
    if bundle.exists() and not resume_path.exists() and read_spec(bundle).training:
        raise RequestError(f"{bundle} is a trained bundle already: give another --out, or delete it")


def _run_epochs(
    trainer: Trainer,
    recipe: Recipe,
    state: TrainingState,
    on_step: Callable[[int, int], object],
    keep: Callable[[TrainingState], object],
) -> TrainingState:
    """Run the epochs that follow a state, hand the state after each one to `keep`, and return the last one.

    Raises:
        NotFiniteError: something is not finite in an epoch.
    """
    if state.history.epochs:
        trainer.model.load_state_dict(state.model)
        trainer.optimiser.load_state_dict(state.optimiser)
    history, best = History(list(state.history.epochs)), state.best
    while history.goes_on(recipe.epochs, recipe.patience):
        number = len(history.epochs) + 1
        for group in trainer.optimiser.param_groups:
            group["lr"] = learning_rate(recipe, number)
        epoch = trainer.run_epoch(number, on_step)
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
        keep(state)
    return state


def _is_later(one: TrainingState, other: TrainingState) -> bool:
    return len(one.history.epochs) > len(other.history.epochs)


def _with_settings(state: TrainingState, recipe: Recipe, precision: Precision, reason: str) -> TrainingState:
    """An earlier training's state, to go on with this recipe. A training that was in fp32 stays in fp32."""
    if state.precision == "fp32" != precision:
        precision, reason = "fp32", state.reason
    changes, done = list(state.changes), len(state.history.epochs)
    if state.learning_rate != recipe.learning_rate:
        changes.append(_change("learning rate", state.learning_rate, recipe.learning_rate, done))
    if state.precision not in (None, precision):
        changes.append(_change("precision", state.precision, precision, done))
    return replace(state, precision=precision, reason=reason, changes=tuple(changes))


def _in_fp32(state: TrainingState, precision: Precision, reason: str) -> TrainingState:
    """The state from which a training goes on in fp32, because something was not finite in another precision."""
    done = len(state.history.epochs)
    changes = (*state.changes, _change("precision", precision, "fp32", done)) if done else state.changes
    return replace(state, precision="fp32", reason=f"{reason} in {precision}", changes=changes)


def _goes_on(done: int) -> str:
    """In which way a training goes on in fp32 after this number of whole epochs."""
    return f"The training goes on in fp32 from the end of epoch {done}." if done else "It begins again in fp32."


def _change(setting: str, before: object, now: object, done: int) -> str:
    """A change of a setting after a number of whole epochs, in words."""
    return f"{setting} {before} until epoch {done}, {now} from epoch {done + 1} on"


def _end_diverged(resume: ResumeFile, kept: TrainingState | None, recipe: Recipe, reason: str) -> RequestError:
    """The error that ends a training in which something is not finite in fp32. The last whole epoch stays on file.

    Args:
        resume: the resume file; it records that the training diverged.
        kept: the state in this file; None where no epoch was finished, so that there is no file.
        recipe: recipe of the training.
        reason: what is not finite, in which epoch, and what the network computes in.
    """
    words = f"{reason}: lower the learning rate ({recipe.learning_rate:g})"
    if kept is None:
        return RequestError(words)
    resume.write(replace(kept, diverged=True))
    return RequestError(
        f"{words}; with another --learning-rate the same command continues after epoch {len(kept.history.epochs)}, "
        f"and without the file {resume.path} it starts afresh"
    )


def _weights_words(model: Segmenter) -> str:
    """What a network computes in that is trained in fp32, with the way out if its weights are too coarse for it."""
    coarse = {weight.dtype for weight in model.parameters()} & {torch.float16, torch.bfloat16}
    names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in coarse))
    return f"weights of {names}, which are too coarse for training: give network.float(), or" if coarse else "fp32"


def _fingerprints(dataset: AbstractDataset, entries: Sequence[Entry]) -> list[str]:
    return [dataset.fingerprint(entry) for entry in entries]


def _trained_spec(
    spec: Spec,
    recipe: Recipe,
    trainer: Trainer,
    training: Sequence[Entry],
    ended: TrainingState,
) -> Spec:
    """The spec that says how a model, or the prior of a trained model, was trained, and on which cases."""
    history, batches = ended.history, trainer.batches
    best = history.best
    settings = recipe.to_dict() | {"batch_size": batches.size, "precision": trainer.precision}
    if ended.changes:
        settings["changes"] = list(ended.changes)
    dataset = batches.cases.dataset
    dice = {
        "validation_dice": best.validation_dice,
        "codes_in_use": best.codes_in_use,
        "perplexity": best.perplexity,
    }
    of_prior = {"how": recipe.prior, "validation_nats": best.validation_nats}
    facts = {
        "dataset": dataset.name,
        "recipe": settings,
        "precision_reason": ended.reason,
        "epochs": len(history.epochs),
        "best_epoch": best.epoch,
        **({} if recipe.prior == AFTER else dice),
        "training_cases": _fingerprints(dataset, training),
        "failures": dict(batches.cases.failures),
        "validation_cases": _fingerprints(dataset, trainer.validation),
    } | ({"processes": batches.processes.count} if batches.processes.count > 1 else {})
    if recipe.prior == AFTER:
        return spec.but(prior=of_prior | facts)
    return spec.but(
        seed=batches.seed,
        remarks=spec.remarks_once_trained,
        training=facts,
        prior={**of_prior, "weight": WEIGHT} if recipe.prior else None,
    )
