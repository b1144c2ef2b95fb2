"""Several runs as one table of rows."""

from collections.abc import Sequence

import pandas as pd

from robustq.errors import RequestError
from robustq.metric import parse_metric
from robustq.request.draws import AUTO
from robustq.results.directory import changed_cases
from robustq.results.level_draws import LevelDraws
from robustq.results.stress_run import Run

_SHARED = (
    *("without_labels", "severity"),
    *("seed", "levels", "perturbations", "missing", "clip", "noise_device", "precision"),
)


def join(runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of all runs. Where `--draws auto` gave the runs different numbers of draws, those that all have.

    Raises:
        RequestError: a run is not finished; or the settings, preparations or cases of two runs differ, so that their
            rows cannot be paired.
    """
    for run in runs:
        if run.missing_batches:
            raise RequestError(
                f"{run.directory.path} is not finished, {run.missing_batches} of its batches have no rows: give the "
                "same robustq stress command again with the same --out, then compare"
            )
    first, *others = runs
    for other in others:
        _check_paired(first, other)
    shared = shared_draws(runs)
    frames = [run.by_level() if run.level_draws == shared else shared.of_rows(run.by_level()) for run in runs]
    return pd.concat(frames, ignore_index=True)


def shared_draws(runs: Sequence[Run]) -> LevelDraws:
    """The number of draws that all runs have at each level."""
    return LevelDraws.shared([run.level_draws for run in runs])


def sample_text(runs: Sequence[Run]) -> str:
    """The data and the number of draws, for a title."""
    return ", ".join(filter(None, (runs[0].data, shared_draws(runs).text)))


def caption_of(runs: Sequence[Run], metric: str) -> str:
    """The data, the draws, and for a distance how missed structures count."""
    sample = sample_text(runs)
    measures_distance = parse_metric(metric).measures_distance
    return f"{sample}, missed structures by {runs[0].asked['missing']}" if measures_distance else sample


def _check_paired(first: Run, other: Run) -> None:
    """Refuse two runs whose rows cannot be paired."""
    for setting in _SHARED:
        own, others_own = (run.asked.get(setting, False) for run in (first, other))
        if own != others_own:
            raise _refused(first, other, setting, str(own), str(others_own))
    if AUTO not in (first.asked["draws"], other.asked["draws"]):
        _check_fixed_draws(first, other)
    first_preparation, other_preparation = (run.spec(run.models[0]).preparation for run in (first, other))
    differences = first_preparation.differences(other_preparation)
    if differences:
        raise _refused(first, other, "preparation", *differences[0].split(" against ", 1))
    first_cases, other_cases = _cases(first), _cases(other)
    if first_cases != other_cases:
        identity = min({*first_cases.items()} ^ {*other_cases.items()})[0]
        first_text, other_text = (_with_case(cases, identity) for cases in (first_cases, other_cases))
        raise _refused(first, other, "cases", first_text, other_text)
    changed = changed_cases(first.document, other.document)
    if changed:
        raise RequestError(
            f"{first.directory.path} and {other.directory.path} differ in {changed[0]}, so their rows cannot be "
            "paired: stress the models again with the same data"
        )


def _check_fixed_draws(first: Run, other: Run) -> None:
    """Refuse two runs that were asked other numbers of draws. Only `--draws auto` leaves the number open."""
    if first.asked["draws"] != other.asked["draws"]:
        raise _refused(first, other, "draws", str(first.asked["draws"]), str(other.asked["draws"]))
    for name, number in first.draws.items():
        if number != other.draws[name]:
            raise _refused(first, other, f"draws of {name}", str(number), str(other.draws[name]))


def shared_heads(runs: Sequence[Run]) -> list[str]:
    """What a reader must know before the figures of these runs."""
    return list(dict.fromkeys(head for run in runs for head in run.heads))


def remarks(runs: Sequence[Run]) -> list[str]:
    """Notes on models and sample, for every table of figures of these runs."""
    remark_of = {}
    for run in runs:
        codes = run.codes()
        for model in run.models:
            seed = run.spec(model).training_seed
            texts = [f"training seed {seed}"] if seed is not None else []
            texts += [f"{codes[model].text} codes in use"] if codes[model].used is not None else []
            remark_of[model] = "; ".join([*texts, *run.remarks()[model]])
    notes = [f"{model}: {remark}" for model, remark in remark_of.items() if remark]
    shared = (
        note
        for run in runs
        for note in (
            *run.attack_notes(),
            *run.invented_notes(),
            *run.severity_notes(),
            *run.pooled_notes(),
            *run.sample_notes(),
        )
    )
    return [*notes, *shared_draws(runs).notes, *dict.fromkeys(shared)]


def seed_notes(runs: Sequence[Run], baseline: str) -> list[str]:
    """A note on the models that were trained with another seed than the baseline, if there are any."""
    seeds = {model: run.spec(model).training_seed for run in runs for model in run.models}
    if seeds.get(baseline) is None:
        return []
    others = [model for model, seed in seeds.items() if seed not in (None, seeds[baseline])]
    names = ", ".join(others)
    note = f"{names}: trained with another seed than {baseline}, which can cause part of the difference."
    return [note] if others else []


def _cases(run: Run) -> dict[str, str]:
    """For each case id, the fingerprint of the image."""
    return {case["id"]: case["fingerprint"] for case in run.cases}


def _with_case(cases: dict[str, str], identity: str) -> str:
    """How many cases there are, and which image is the case with this id."""
    image = f"image {cases[identity]} as case {identity}" if identity in cases else f"no case {identity}"
    return f"{len(cases)}, {image}"


def _refused(first: Run, other: Run, setting: str, first_text: str, other_text: str) -> RequestError:
    return RequestError(
        f"{first.directory.path} and {other.directory.path} differ in {setting} ({first_text} against {other_text}), "
        "so their rows cannot be paired: stress the models with the same settings and cases"
    )


def architectures(runs: Sequence[Run]) -> dict[str, str]:
    """For each model, the name of its architecture: the network and the quantiser."""
    return {
        model: f"{run.spec(model).architecture or 'network'} {run.spec(model).quantise}"
        for run in runs
        for model in run.models
    }
