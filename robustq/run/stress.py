"""Plans, evaluates and stores a stress run."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from robustq.data.open_dataset import Data
from robustq.data.preparation import Preparation
from robustq.draws.attacked import Attacker, choose_source
from robustq.draws.perturbed import Perturber
from robustq.errors import StorageError
from robustq.metric import parse_metrics
from robustq.request.decode import MAP, NEAREST
from robustq.request.draws import AUTO, Draws
from robustq.results.stress_run import Run
from robustq.run.agreement import Agreement
from robustq.run.batching import Batching
from robustq.run.gallery import keep_gallery
from robustq.run.liveness import liveness_rows
from robustq.run.map_variants import with_map_variants
from robustq.run.open_models import Models
from robustq.run.passes import Counting
from robustq.run.profile import Profile
from robustq.run.progress import Progress
from robustq.run.recording import Recording
from robustq.run.severity import named_levels
from robustq.run.stress_answers import Answerer
from robustq.run.stress_draws import DrawMaker
from robustq.run.stress_pieces import Evaluator
from robustq.run.stress_plan import StressPlan
from robustq.run.stress_request import StressRequest
from robustq.run.stress_rows import Scorer
from robustq.run.subjects import Subjects
from robustq.run.trial import Trial, choose_batchings


def stress(
    models: Models | None = None,
    data: Data | None = None,
    *,
    noise: Sequence[str] | None = None,
    attack: Sequence[str] = (),
    transfer_from: str | None = None,
    levels: Sequence[float] | None = None,
    severity: str | None = None,
    draws: Draws | None = None,
    max_draws: int | None = None,
    seed: int = 0,
    metrics: str | Sequence[str] = "dice",
    missing: str = "diagonal",
    preparation: Preparation | None = None,
    split: str = "held-out",
    compat: str | None = None,
    clip: bool = False,
    batch_size: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    executor: str = "local",
    noise_device: str = "cpu",
    precision: str = "fp32",
    without_labels: bool = False,
    quality: bool = False,
    decode: str = NEAREST,
    images: bool = False,
    on_note: Callable[[str], object] = lambda note: None,
    on_profile: Callable[[Profile], object] | None = None,
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> Run:
    """Show every model the same perturbed cases at graded levels, and measure its answers.

    Args:
        models: segmenters, plain networks and bundles by name; or a sequence of them, in which bundles are named by
            their files and networks by their classes; or one network. None for the bundled demonstration pair.
        data: a dataset or the text of `--data`; the built-in phantom by default. For the demonstration pair,
            these are cases of the phantom that took no part in its training.
        noise: perturbations by name, a list or separated by commas; a chain such as "gaussian+blur" applies its members
            in this order at one level. The default is Gaussian noise if no attack is named.
        attack: attacks by name; a setting follows an @, as in "pgd@l2". Each model is attacked.
        transfer_from: the source model of transfers: its attacks are also shown to all other models, and theirs to it.
            The default is the first matched baseline, else the first model without codebook, else the first model.
        levels: percent, 0 to 100; by default 0, 1, 10, 20 and 30. Level 0 is always run, once for each case.
        severity: image qualities instead of levels, as in `--severity`, for example "ssim:0.95,0.9": each case has the
            level that gives its image this quality.
        draws: random realisations at each level above 0; by default 10 of a perturbation and 1 of an attack. An attack
            without randomness always has one. "auto" gives each level as many as its means need.
        max_draws: largest number that "auto" gives a level, 100 by default.
        seed: seed of the run. The seed of a draw follows from it, the case, the perturbation and the draw's number.
        metrics: metrics as in `--metrics`, for example "dice,hd95,nsd@2mm", or a list of them.
        missing: policy for the distance to a missed structure: "diagonal", "inf" or "drop".
        preparation: what is done to a case before plain networks see it; by default data in memory are taken as they
            are. Segmenters and bundles have their own.
        split: "held-out" leaves out the cases that any of the models was trained on; "train", "val" and "test" take the
            cases of this split of the dataset; "all" takes every case.
        compat: "paper-code" takes the noise formulas of the paper's published code.
        clip: bring perturbed values back into the intensity range.
        batch_size: images, slices or windows for each forward pass; rows can then be repeated exactly, and the weights
            are stored as they are given. By default at most 16 in 2D and 2 in 3D: in a run that is not small, a short
            trial looks which number and which memory format are fastest for each model here.
        out: the run directory, or its URL, such as "s3://bucket/run". A run that was killed there is continued. By
            default a temporary directory, which is removed with the returned run.
        device: device of the models.
        executor: where the batches of pieces are computed, one of `robustq list executors`.
        noise_device: device that draws the noise; the same seed gives different noise on "cpu" and "cuda".
        precision: precision of the forward passes: "fp32", "bf16", "fp16" or "auto".
        decode: "map" also shows the cases to a variant of each model that has a prior over its codes, named `NAME@map`,
            whose codes are chosen by distance and prior together; "nearest" shows them to the models alone.
        without_labels: compare each answer with the model's own answer to the unperturbed case, not with the truth.
            The cases need no masks, and data in memory may be images alone. Attacks, and metrics of probabilities, need
            the truth.
        quality: whether SSIM, PSNR and SNR of each draw are measured too.
        images: keep the images of the worst cases, with the models' answers, in `gallery/` of the run directory; a run
            without labels, or with a severity, keeps none.
        on_note: called with a sentence where something besides the rows went wrong, and with what the trial found.
        on_profile: called at the end with where the time went; then the bare passes are measured too.
        on_progress: called before the first batch of pieces and after each batch.

    Returns:
        The run, with a table, a figure and all rows.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
        StorageError: the disk is full, can only be read, or is gone; the same call continues.
    """
    request = StressRequest.checked(
        noise=noise,
        attack=attack,
        transfer_from=transfer_from,
        levels=levels,
        severity=severity,
        draws=draws,
        max_draws=max_draws,
        seed=seed,
        metrics=metrics,
        missing=missing,
        split=split,
        compat=compat,
        clip=clip,
        batch_size=batch_size,
        noise_device=noise_device,
        precision=precision,
        without_labels=without_labels,
        quality=quality,
        decode=decode,
    )
    draw_maker = _draw_maker(request, models, data, device, preparation)
    subjects = draw_maker.subjects
    recording = Recording.of("stress", subjects, out=out, executor=executor, on_progress=on_progress)
    plan = StressPlan.of(request, draw_maker, recording.directory, on_note)
    trial = Trial(subjects.models, subjects.cases(subjects.good[0]), plan.precision)
    with recording.begun(plan.document, plan.batches, **plan.entries()):
        counting = Counting(draw_maker.passes, len(subjects.models))
        batchings = choose_batchings(trial, recording, plan.batches, counting, plan.batch_size, on_note)
        evaluator = _evaluator(plan, batchings)
        number = _compute(recording, plan, evaluator, counting)
        largest = plan.batch_size.largest
        recording.end(number, liveness_rows(subjects, draw_maker.perturber, largest) if without_labels else ())
        profile = recording.profile()
        run = Run(recording.directory)
        recording.directory.summarise(run.summary())
        if on_profile is not None:
            on_profile(replace(profile, bare=trial.bare(profile.passes, batchings, largest)))
        if images and not without_labels and request.severity is None:
            _keep_images(run, evaluator, on_note)
    return run


def _draw_maker(
    request: StressRequest, models: Models | None, data: Data | None, device: str, preparation: Preparation | None
) -> DrawMaker:
    """Opens models and cases, and makes the draws of the request from them."""
    subjects = Subjects.gather(
        models, data, split=request.split, device=device, preparation=preparation, unmasked=request.without_labels
    )
    if request.decode == MAP:
        subjects = with_map_variants(subjects)
    request.check_units(subjects.units)
    source = choose_source(subjects.models, request.transfer_from) if request.attacks else None
    return DrawMaker(
        subjects,
        Perturber(request.perturbations, request.settings),
        Attacker(request.attacks, subjects.models, source, request.settings),
        request.without_labels,
    )


def _evaluator(plan: StressPlan, batchings: Mapping[str, Batching]) -> Evaluator:
    """Computes the rows of the plan; `batchings` are the ways of the models for which a trial found one."""
    request, draw_maker = plan.request, plan.draw_maker
    subjects, metrics, agreement = draw_maker.subjects, request.metrics, None
    if request.without_labels:
        agreement = Agreement(metrics, request.missing, draw_maker.perturber, plan.precision)
        metrics = parse_metrics("dice")
    return Evaluator(
        draw_maker,
        Answerer(
            subjects.models,
            plan.batch_size.largest,
            plan.precision,
            subjects.cases.stopwatch,
            with_probabilities=any(metric.needs_probabilities for metric in metrics.values()),
            batchings=batchings,
        ),
        Scorer(subjects.models, metrics, request.missing, agreement),
        with_quality=request.quality,
        severities=named_levels(plan.found),
    )


def _compute(recording: Recording, plan: StressPlan, evaluator: Evaluator, counting: Counting) -> int:
    """Compute the batches of the plan, with `draws="auto"` in two stages; the number of batches."""
    seed, batches = plan.request.settings.seed, plan.batches
    if plan.draws.asked == AUTO:
        recording.compute(batches, evaluator, replace(counting, what="The first stage of this run"), seed=seed)
        counting = replace(counting, what="The second stage of this run")
        batches, numbers = plan.with_second_stage(recording.directory)
        recording.extend(batches, level_draws=numbers)
    recording.compute(batches, evaluator, counting, seed=seed)
    return len(batches)


def _keep_images(run: Run, evaluator: Evaluator, on_note: Callable[[str], object]) -> None:
    """Keep the gallery. The rows are whole, so no error but that of the disk may end the run."""
    try:
        keep_gallery(run, evaluator.draw_maker, evaluator.answerer)
    except StorageError:
        raise
    except Exception as error:
        on_note(f"Note: the images of the worst cases could not be kept ({error}); the rows are whole.")
