"""Analyses the latents of models: first on clean cases, then on draws, piece by piece."""

import os
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from robustq.analyser import AbstractAnalyser
from robustq.data.open_dataset import Data
from robustq.data.preparation import Preparation
from robustq.draws.by_name import load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.errors import RequestError
from robustq.model.device import choose_device
from robustq.model.spec import NO_SITE
from robustq.report.numbers import percent
from robustq.request.checks import parse_checks
from robustq.request.draws import check_fixed_draws
from robustq.request.levels import check_levels
from robustq.request.listed import as_text, listed
from robustq.request.with_setting import split_setting
from robustq.results.analysis import Analysis, measured
from robustq.results.directory import RunDirectory
from robustq.run.analyse_pieces import Watcher
from robustq.run.batching import check_batch_size, run_batch_size
from robustq.run.draw_counts import begun_request
from robustq.run.load_checks import load_checks
from robustq.run.open_models import Models
from robustq.run.passes import Counting
from robustq.run.plan import plan
from robustq.run.progress import Progress
from robustq.run.recording import Recording
from robustq.run.subjects import Subjects
from robustq.run.trial import Trial, choose_batchings, encoder_pass


def analyse(
    models: Models | None = None,
    data: Data | None = None,
    *,
    check: str | Sequence[str] = "all",
    noise: Sequence[str] = ("gaussian",),
    levels: Sequence[float] = (1, 10, 20, 30),
    draws: int = 100,
    seed: int = 0,
    preparation: Preparation | None = None,
    split: str = "held-out",
    compat: str | None = None,
    clip: bool = False,
    batch_size: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    executor: str = "local",
    noise_device: str = "cpu",
    on_verdict: Callable[[str], object] = lambda verdict: None,
    on_note: Callable[[str], object] = lambda note: None,
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> Analysis:
    """Analyse what the latents of models do under noise, with the draws that `robustq.stress` shows them.

    Args:
        models: segmenters, plain networks and bundles by name; or a sequence of them, in which bundles are named by
            their files and networks by their classes; or one network. None for the bundled demonstration pair.
        data: a dataset or the text of `--data`; by default as in `robustq.stress`. Figures that depend on the
            domain are given for each domain.
        check: names of analysers, a list or separated by commas, or "all"; a setting follows an @, as in "taylor@90".
        noise: perturbations by name, as in `robustq.stress`; a chain such as "gaussian+blur" applies its members in
            this order at one level.
        levels: percent, 0 to 100; level 0 is always computed, and the other levels are compared with it.
        draws: random realisations of each perturbation at each level (the paper has 100), 2 or more. Checks of clean
            images alone, such as "certified", make none; then perturbations, levels and draws may be anything.
        seed: seed of the run, as in `robustq.stress`.
        preparation: what is done to a case before plain networks see it; by default data in memory are taken as they
            are. Segmenters and bundles have their own.
        split: which cases are used, as in `robustq.stress`.
        compat: "paper-code" takes the noise formulas of the paper's published code.
        clip: bring perturbed values back into the intensity range.
        batch_size: images, slices or windows for each pass of the encoder, as in `robustq.stress`.
        out: the run directory, which may be that of a stress run. An analysis that was killed there is continued. By
            default a temporary directory, which is removed with the returned analysis.
        device: device of the models.
        executor: where the batches of pieces are computed, one of `robustq list executors`.
        noise_device: device that draws the noise; the same seed gives different noise on "cpu" and "cuda".
        on_verdict: called with the verdict on each model (is its bottleneck alive?) before any draw is shown.
        on_note: called with what the trial found.
        on_progress: called before the first batch of pieces and after each batch.

    Returns:
        The analysis, with tables, figures and all rows.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
    """
    classes = load_checks(parse_checks(as_text(check)))
    perturbations = load_perturbations(listed(noise), compat)
    drawn = _need_draws(classes)
    levels = _checked_levels(levels, perturbations, draws, drawn)
    check_batch_size(batch_size)
    settings = DrawSettings(seed, str(choose_device(noise_device)), clip)
    subjects = Subjects.gather(models, data, split=split, device=device, preparation=preparation)
    analysers = _analysers(subjects, classes)
    recording = Recording.of("analyse", subjects, out=out, executor=executor, on_progress=on_progress)
    directory = recording.directory
    size = run_batch_size(batch_size, begun_request(directory), subjects.batch_size)
    batches = []
    if drawn:
        draws_of = dict.fromkeys(perturbations, draws)
        batches = plan(list(subjects.entries), draws_of, levels, batch_size=size.largest, clean=False)
    asked = {
        "checks": _spelled_as_before(directory, list(classes)),
        "perturbations": list(perturbations),
        "levels": levels,
        "draws": draws,
        "seed": seed,
        "split": split,
        "clip": clip,
        "batch_size": size.asked,
        "noise_device": settings.noise_device,
    }
    watcher = Watcher(subjects, analysers, Perturber(perturbations, settings), size.largest)
    trial = Trial(subjects.models, subjects.cases(subjects.good[0]), show=encoder_pass)
    counting = Counting(watcher.passes, len(subjects.models))
    with recording.begun(asked, batches):
        watcher.batchings = choose_batchings(trial, recording, batches, counting, size, on_note)
        with seeded_globals(draw_generator(seed, "", "network", 0)):  # some networks draw from them
            directory.write(0, watcher.watch_clean())
        analysis = Analysis(directory)
        for verdict in analysis.verdicts():
            on_verdict(verdict)
        recording.compute(batches, watcher, counting, seed=seed, first=1)
        last = len(batches) + 1
        recording.end(last, watcher.conclude(measured(directory.rows(before=last).to_pandas())))
        directory.summarise(analysis.summary())
        analysis.draw()  # last, so that a figure that cannot be written costs nothing
    return analysis


def check_analysis(keywords: Mapping[str, Any]) -> None:
    """Refuse what `analyse` would refuse of these keywords whatever the models and the data are.

    Raises:
        RequestError: a check or a perturbation is unknown, or there are too few levels or draws.
    """
    asked = signature(analyse).bind(**keywords)
    asked.apply_defaults()
    given = asked.arguments
    classes = load_checks(parse_checks(as_text(given["check"])))
    perturbations = load_perturbations(listed(given["noise"]), given["compat"])
    _checked_levels(given["levels"], perturbations, given["draws"], _need_draws(classes))


def _need_draws(classes: Mapping[str, type[AbstractAnalyser]]) -> list[str]:
    """The checks that use draws."""
    return [text for text, analyser in classes.items() if analyser.needs_draws]


def _checked_levels(
    levels: Sequence[float], perturbations: Mapping[str, object], draws: int, drawn: Sequence[str]
) -> list[float]:
    """The levels above 0.

    Args:
        levels: what was asked, in percent.
        perturbations: the perturbations by name.
        draws: number of draws at each level.
        drawn: the checks that use draws; without any, perturbations, levels and draws are not used.

    Raises:
        RequestError: there is none, or nothing is drawn at them, or too few draws.
    """
    above = [level for level in check_levels(levels) if level > 0]
    check_fixed_draws(draws)
    if not drawn:
        return above
    if not perturbations or not above:
        asked = f"{', '.join(perturbations) or 'no perturbation'} at {', '.join(map(percent, levels)) or 'no level'}"
        raise RequestError(
            f"{asked} was asked, but the {_checks(drawn)} at least one perturbation and one level above 0: "
            "give --noise and --levels"
        )
    if draws < 2:
        raise RequestError(f"draws={draws} was asked, but the {_checks(drawn)} 2 draws or more")
    return above


def _checks(names: Sequence[str]) -> str:
    """The subject and the verb of a sentence, as `check taylor needs`."""
    return f"check{'s' if len(names) > 1 else ''} {', '.join(names)} need{'s' if len(names) == 1 else ''}"


def _analysers(
    subjects: Subjects, classes: Mapping[str, type[AbstractAnalyser]]
) -> dict[str, dict[str, AbstractAnalyser]]:
    """For each model, its analysers by their text. Those that need it know which groups the model has used before.

    Raises:
        RequestError: no bottleneck was found in a plain network.
    """
    for name, model in subjects.models.items():
        if model.spec.site == NO_SITE:
            raise RequestError(
                f"no spatial bottleneck was found in {name}, so there is nothing to analyse: wrap the network "
                "with at=NAME (--at), the name of one of its submodules"
            )
    analysers = {
        name: {text: analyser(model, split_setting("analysers", text)[1]) for text, analyser in classes.items()}
        for name, model in subjects.models.items()
    }
    if any(analyser.needs_used_groups for analyser in classes.values()):
        for name, groups in subjects.used_groups().items():
            for analyser in analysers[name].values():
                analyser.used_groups = groups
    return analysers


def _spelled_as_before(directory: RunDirectory, checks: list[str]) -> list[str]:
    """The checks in the spelling of the analysis that began here, if that analysis has the same checks.

    Earlier versions wrote a setting as it was typed, such as taylor@90.0.
    """
    if not directory.exists:
        return checks
    written: list[str] = directory.read()["asked"]["checks"]
    try:
        return written if list(load_checks(written)) == checks else checks
    except RequestError:  # one of its checks is not installed here, so it is another analysis
        return checks
