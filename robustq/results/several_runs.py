"""Several runs as one table of rows."""

from collections.abc import Sequence

import pandas as pd

from robustq.errors import RequestError
from robustq.results.stress_run import Run

_SHARED = ("seed", "draws", "levels", "perturbations", "missing", "clip", "noise_device", "precision")


def join(runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of all runs.

    Raises:
        RequestError: their cases, noise or levels differ, so that their rows cannot be paired.
    """
    first, *others = runs
    for other in others:
        for setting in _SHARED:
            if first.asked[setting] != other.asked[setting]:
                raise _refused(first, other, setting, str(first.asked[setting]), str(other.asked[setting]))
        mine, theirs = (run.spec(run.models[0]).preparation for run in (first, other))
        differences = mine.differences(theirs)
        if differences:
            raise _refused(first, other, "preparation", *differences[0].split(" against ", 1))
        one, two = _cases(first), _cases(other)
        if one != two:
            identity = min({*one.items()} ^ {*two.items()})[0]
            here, there = (
                f"image {cases[identity]} as case {identity}" if identity in cases else f"no case {identity}"
                for cases in (one, two)
            )
            raise _refused(first, other, "cases", f"{len(one)}, {here}", f"{len(two)}, {there}")
    return pd.concat([run.to_frame() for run in runs], ignore_index=True)


def remarks(runs: Sequence[Run]) -> list[str]:
    """What must be said of the models and the sample wherever the runs' figures stand."""
    told = {}
    for run in runs:
        codes = run.codes()
        for model in run.models:
            training = run.spec(model).training
            parts = [f"training seed {run.spec(model).seed}"] if training else []
            parts += [f"{codes[model].text} codes in use"] if codes[model].used is not None else []
            told[model] = "; ".join([*parts, *run.remarks()[model]])
    notes = [f"{model}: {text}" for model, text in told.items() if text]
    shared = (note for run in runs for note in (*run.attack_notes(), *run.invented_notes(), *run.sample_notes()))
    return [*notes, *dict.fromkeys(shared)]


def seed_notes(runs: Sequence[Run], baseline: str) -> list[str]:
    """Which trained models are set against a baseline of another training seed."""
    specs = {model: run.spec(model) for run in runs for model in run.models}
    seeds = {model: spec.seed for model, spec in specs.items() if spec.training}
    if baseline not in seeds:
        return []
    others = [model for model, seed in seeds.items() if seed != seeds[baseline]]
    told = f"{', '.join(others)}: trained with another seed than {baseline}, which can be a part of the difference."
    return [told] if others else []


def _cases(run: Run) -> dict[str, str]:
    """Fingerprint of the image by case id."""
    return {case["id"]: case["fingerprint"] for case in run.asked["data"]["cases"]}


def _refused(first: Run, other: Run, setting: str, one: str, two: str) -> RequestError:
    return RequestError(
        f"{first.directory.path} and {other.directory.path} differ in {setting} ({one} against {two}), so "
        "their rows cannot be paired: stress the models with the same settings and cases"
    )


def architectures(runs: Sequence[Run]) -> dict[str, str]:
    """Model -> what it is an instance of: its architecture and its quantiser."""
    return {
        model: f"{run.spec(model).architecture or 'network'} {run.spec(model).quantise}"
        for run in runs
        for model in run.models
    }
