"""Train a segmenter with the paper's recipe; a killed training can be resumed."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from robustq.data.open_dataset import Data, as_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import Entry
from robustq.errors import RequestError
from robustq.model.bundle_file import check_extra_states, check_name, read_spec
from robustq.model.segmenter import Segmenter
from robustq.model.spec import Spec, adopt_labels
from robustq.model.weights_digest import as_known
from robustq.model.windows import windows_of
from robustq.one_writer import one_writer
from robustq.training.batches import Batches, items_of
from robustq.training.course import Course
from robustq.training.fresh_prior import check_prior
from robustq.training.history import Epoch as Epoch
from robustq.training.history import History
from robustq.training.noise_augmentation import NoiseAugmentation
from robustq.training.precision import training_precision
from robustq.training.processes import Processes, device_of_process, launched
from robustq.training.recipe import Recipe
from robustq.training.resume import ResumeFile, TrainingState, identity
from robustq.training.split import split
from robustq.training.state_changes import with_settings
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
    batches = _batches(cases, training, spec, recipe, processes)
    resume = ResumeFile(resume_path, identity(spec, recipe, [dataset.fingerprint(entry) for entry in training]))
    fresh = TrainingState({}, {}, {}, History(), precision, reason)
    kept = processes.from_main(resume.read)
    state = fresh if kept is None else with_settings(kept, recipe, precision, reason)
    if kept is not None:
        on_note(f"An earlier training was stopped. It continues from {resume_path}.")
    if processes.count > 1:
        on_note(f"{processes.count} processes share each batch of {batches.size}.")
    on_note(f"The training computes in {state.precision}: {state.reason}.")
    for change in state.changes:
        on_note(f"A setting has changed: {change}.")
    course = Course(
        model, spec, recipe, batches, training, validation, device, bundle, resume, on_step, on_epoch, on_note
    )
    return course.run(state, fresh)


def _batches(
    cases: PreparedCases, training: Sequence[Entry], spec: Spec, recipe: Recipe, processes: Processes
) -> Batches:
    """The batches of the training cases, as the recipe asks for them.

    Raises:
        RequestError: there are more processes than items in a batch.
    """
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
    return batches


def _refuse_trained(bundle: Path, resume_path: Path) -> None:
    if bundle.exists() and not resume_path.exists() and read_spec(bundle).training:
        raise RequestError(f"{bundle} is a trained bundle already: give another --out, or delete it")
