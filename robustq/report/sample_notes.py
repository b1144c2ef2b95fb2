"""What must be said of the sample under every table."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from robustq.metric import parse_metrics
from robustq.model.spec import Spec
from robustq.report.numbers import count, listed

ONE_NETWORK = (
    "Each model is one trained network, and another training seed can give other figures: a claim about an "
    "architecture needs at least 3 training seeds."
)
"""Said wherever a line is a model; a line that is an architecture tells its seeds itself."""


def sample_notes(asked: Mapping[str, Any]) -> list[str]:
    """What the sample is: patients, failed cases, cases that took part in training, training seeds behind a model.

    Args:
        asked: the entry of that name in `run.json`.
    """
    cases = asked["data"]["cases"]
    groups = {case["group"] for case in cases}
    notes = []
    if len(groups) < len(cases):
        notes.append(
            f"A group is a patient: the {len(cases)} cases come from {len(groups)} patients, and the cases of one "
            "patient are averaged before anything else is computed."
        )
    failures = asked["data"]["failures"]
    if failures:
        notes.append(
            f"{len(failures)} of {len(cases) + len(failures)} cases could not be used and "
            f"{'is' if len(failures) == 1 else 'are'} in no figure; summary.json says why."
        )
    specs = {model["name"]: Spec.from_dict(model["spec"]) for model in asked["models"]}
    notes += _grid_notes(asked, next(iter(specs.values())))
    for title, part in _parts(cases).items():
        notes += _training_notes(title, part, specs)
    trainings = {name: spec.training for name, spec in specs.items() if spec.training}
    if len({_recipe(training) for training in trainings.values()}) > 1:
        told = ", ".join(f"{name} {count(training['epochs'], 'epoch')}" for name, training in trainings.items())
        notes.append(
            f"The models were trained by different recipes ({told}), so a difference between them can come from the "
            "training."
        )
    if any(spec.training or spec.weights for spec in specs.values()):
        notes.append(ONE_NETWORK)
    return notes


def _grid_notes(asked: Mapping[str, Any], spec: Spec) -> list[str]:
    """What a model sees of a case where that is not the case as it is stored."""
    size, spacing = spec.preparation.size, spec.preparation.spacing
    if not (size or spacing):
        return []
    grid = (
        f"size {'×'.join(map(str, size))}" if size else f"spacing {'×'.join(f'{each:g}' for each in spacing or ())} mm"
    )
    note = (
        f"A model sees every case at the {grid}: cases are perturbed and answers are scored there, not at the size of "
        "the files, where figures can differ."
    )
    metrics = parse_metrics(",".join(asked.get("metrics", ["dice"])))
    if any(metric.measures_distance for metric in metrics.values()):
        note += " Distances are still in mm, or in px of the files where these say no mm."
    return [note]


def _parts(cases: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The cases by what a sentence calls them: by domain, where there are several."""
    domains = sorted({case["domain"] for case in cases})
    if len(domains) < 2:
        return {"": list(cases)}
    return {
        f" of domain {domain}" if domain else " without a domain": [case for case in cases if case["domain"] == domain]
        for domain in domains
    }


def _training_notes(title: str, cases: Sequence[Mapping[str, Any]], specs: Mapping[str, Spec]) -> list[str]:
    """Which of the cases took part in the training of a model, and what follows."""
    fingerprints = {case["fingerprint"] for case in cases}
    chose = {name: len(fingerprints & spec.chose) for name, spec in specs.items() if fingerprints & spec.chose}
    seen = {name: len(fingerprints & spec.seen) for name, spec in specs.items() if fingerprints & spec.seen}
    sample = f"{count(len(cases), 'case')}{title}"
    notes = []
    if chose:
        notes.append(
            f"{max(chose.values())} of the {sample} also chose, by clean Dice, which epoch of the training of "
            f"{listed([*chose])} was kept: figures on these cases can be better than on new ones."
        )
    if seen:
        notes.append(
            f"{max(seen.values())} of the {sample} were seen in training by {listed([*seen])}: figures on these cases "
            "are better than on new ones."
        )
    return notes


def _recipe(training: Mapping[str, Any]) -> str:
    """What was asked of a training, without what may differ between two trained alike."""
    asked = {key: value for key, value in training["recipe"].items() if key not in ("seed", "device")}
    return json.dumps([asked, training["dataset"], sorted(training["training_cases"])], sort_keys=True)
