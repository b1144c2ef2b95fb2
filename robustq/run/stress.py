"""Plans, evaluates and stores a stress run."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast, get_args

from robustq.data.open_dataset import Data
from robustq.data.preparation import Preparation
from robustq.data.training_domains import training_domains
from robustq.draws.attacked import Attacker, choose_source
from robustq.draws.by_name import load_attacks, load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.draws.quality import require_library
from robustq.errors import RequestError, StorageError, unknown
from robustq.metric import Missing, parse_metrics
from robustq.model.device import choose_device, choose_precision
from robustq.request.decode import MAP, NEAREST, check_decode
from robustq.request.draws import AUTO, FIRST, Draws, check_draws, most_draws
from robustq.request.severity import parse_severity
from robustq.results.severity_scale import ENTRY
from robustq.results.stress_run import Run
from robustq.run.agreement import Agreement
from robustq.run.asked_metrics import asked_metrics
from robustq.run.batching import FASTEST, batch_size_asked
from robustq.run.choose_draws import choose_draws
from robustq.run.draw_counts import begun_request, draw_counts
from robustq.run.gallery import keep_gallery
from robustq.run.liveness import liveness_rows
from robustq.run.map_variants import with_map_variants
from robustq.run.open_models import Models
from robustq.run.passes import Counting
from robustq.run.plan import plan, plan_found_levels, plan_second_stage
from robustq.run.profile import Profile
from robustq.run.progress import Progress
from robustq.run.recording import Recording
from robustq.run.severity import FoundLevels, asked_levels, found_levels, named_levels
from robustq.run.stress_pieces import Evaluator, structure_volumes, volume_unit
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
    metrics: str = "dice",
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
        noise: perturbations by name; a chain such as "gaussian+blur" applies its members in this order at one level.
            The default is Gaussian noise if no attack is named.
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
        metrics: metrics as in `--metrics`, for example "dice,hd95,nsd@2mm".
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
    perturbations = load_perturbations(noise if noise is not None else () if attack else ("gaussian",), compat)
    attacks = load_attacks(attack)
    if not perturbations and not attacks:
        raise RequestError("no perturbation was named: give one or more, such as gaussian")
    ambiguous = next((name for name in attacks if name in perturbations), None)
    if ambiguous is not None:
        raise RequestError(
            f"{ambiguous!r} is both a perturbation and an attack here: stress with one, then with the other"
        )
    if transfer_from is not None and not attacks:
        raise RequestError(f"transfer_from={transfer_from} was asked without an attack: name one, such as pgd")
    targets = None if severity is None else parse_severity(severity)
    levels = asked_levels(levels, targets, perturbations, attacks, draws)
    check_draws(draws)
    most = most_draws(draws, max_draws)
    if batch_size is not None and batch_size < 1:
        raise RequestError(f"batch_size={batch_size} was asked: give 1 or more")
    if missing not in get_args(Missing):
        raise unknown("missing policy", missing, get_args(Missing))
    if quality:
        require_library()
    chosen_metrics = asked_metrics(metrics, attack, without_labels=without_labels)
    check_decode(decode)
    noise_device = str(choose_device(noise_device))
    subjects = Subjects.gather(
        models, data, split=split, device=device, preparation=preparation, unmasked=without_labels
    )
    if decode == MAP:
        subjects = with_map_variants(subjects)
    good, cases = subjects.good, subjects.cases
    units = {cases(entry).unit: entry.id for entry in reversed(good)}
    for text, metric in chosen_metrics.items():
        # Refuses a tolerance in mm on px data.
        if len({metric.unit(unit) for unit in units}) > 1:
            examples = ", ".join(f"{case} in {unit}" for unit, case in units.items())
            raise RequestError(
                f"{text} of cases with different units ({examples}) has no mean: run stress for each unit separately"
            )
    source = choose_source(subjects.models, transfer_from) if attacks else None
    recording = Recording.of("stress", subjects, out=out, executor=executor, on_progress=on_progress)
    begun = begun_request(recording.directory)
    asked_size = batch_size_asked(batch_size, begun)
    largest = subjects.batch_size if asked_size == FASTEST else asked_size
    draws, attack_draws = draw_counts(draws, bool(perturbations), attacks, begun)
    draws_of = {**dict.fromkeys(perturbations, draws), **attack_draws}
    first_draws = {name: FIRST if number == AUTO else number for name, number in draws_of.items()}
    # An attack is slow and takes one case at a time, so its rows are written piece by piece.
    piece_batch_size = 1 if attacks else largest
    perturber = Perturber(perturbations, DrawSettings(seed, noise_device, clip))
    found: FoundLevels = {}
    if targets is None:
        batches = plan([entry.id for entry in good], first_draws, levels, batch_size=piece_batch_size)
    else:
        on_note(f"Looking for the levels of {targets} of {len(good)} cases.")
        found = found_levels(targets, perturber, cases, good, recording.directory)
        batches = plan_found_levels(
            [entry.id for entry in good], first_draws, named_levels(found), batch_size=piece_batch_size
        )
    asked = {
        "perturbations": [*perturbations, *attacks],
        **({"attacks": attack_draws, "transfer_from": source} if attacks else {}),
        "levels": list(levels),
        "draws": draws,
        **({"max_draws": most} if draws == AUTO else {}),
        **({"decode": decode} if decode != NEAREST else {}),
        "seed": seed,
        "metrics": list(chosen_metrics),
        "missing": missing,
        "split": split,
        "clip": clip,
        "batch_size": asked_size,
        "noise_device": noise_device,
        "precision": choose_precision(precision, subjects.device),
        **({"without_labels": True} if without_labels else {}),
        **({"severity": str(targets)} if targets is not None else {}),
        **({"quality": True} if quality else {}),
    }
    training_cases = {name: model.spec.seen for name, model in subjects.models.items()}
    policy = cast(Missing, missing)
    agreement = Agreement(chosen_metrics, policy, perturber, choose_precision(precision, subjects.device))
    evaluator = Evaluator(
        models=subjects.models,
        cases=cases,
        entries={entry.id: entry for entry in good},
        perturber=perturber,
        attacker=Attacker(attacks, subjects.models, source, perturber.settings),
        metrics=parse_metrics("dice") if without_labels else chosen_metrics,
        batch_size=largest,
        missing=policy,
        precision=agreement.precision,
        agreement=agreement if without_labels else None,
        with_quality=quality,
        severities=named_levels(found),
    )
    trial = Trial(subjects.models, cases(good[0]), evaluator.precision)
    entries: dict[str, Any] = {"training_domains": training_domains(cases.dataset, training_cases)}
    if found:
        entries[ENTRY] = found
    if attacks and len(units) == 1:
        volumes = {entry.id: structure_volumes(cases(entry)) for entry in good}
        entries["structure_volumes"] = {"unit": volume_unit(cases(good[0])), "cases": volumes}
    with recording.begun(asked, batches, **entries):
        counting = Counting(evaluator.passes, len(subjects.models))
        if asked_size == FASTEST:
            with cases.stopwatch.stage("trial"):
                evaluator.batchings = choose_batchings(trial, recording.directory, batches, counting, largest, on_note)
        if draws == AUTO:
            chosen = [name for name, number in draws_of.items() if number == AUTO]
            recording.compute(batches, evaluator, replace(counting, what="The first stage of this run"), seed=seed)
            numbers = choose_draws(recording.directory, chosen, levels, most=most, stage=len(batches))
            counting = replace(counting, what="The second stage of this run")
            batches += plan_second_stage([entry.id for entry in good], numbers, batch_size=piece_batch_size)
            recording.extend(batches, level_draws=numbers)
        recording.compute(batches, evaluator, counting, seed=seed)
        recording.end(len(batches), liveness_rows(subjects, perturber, largest) if without_labels else ())
        profile = recording.profile()
        run = Run(recording.directory)
        recording.directory.summarise(run.summary())
        if on_profile is not None:
            bare = trial.bare(profile.passes, evaluator.batchings, largest)
            on_profile(replace(profile, bare=bare))
        if images and not without_labels and targets is None:
            # The rows are whole, so no error of the gallery itself may end the run.
            try:
                keep_gallery(run, evaluator)
            except StorageError:
                raise
            except Exception as error:
                on_note(f"Note: the images of the worst cases could not be kept ({error}); the rows are whole.")
    return run
