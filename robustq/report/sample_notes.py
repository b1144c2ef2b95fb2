"""Notes on the sample, printed under every table."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from robustq.metric import parse_metrics
from robustq.model.spec import Spec
from robustq.report.numbers import count, listed
from robustq.statistics.by_architecture import FEWEST_SEEDS

ONE_NETWORK = (
    "Each model is one trained network, and another training seed can give other figures: a claim about an "
    f"architecture needs at least {FEWEST_SEEDS} training seeds."
)
"""Printed under tables with a line for each model; a table of architectures has a column of seeds instead."""


def sample_notes(asked: Mapping[str, Any]) -> list[str]:
    """Notes on patients, failed cases, cases that took part in training, and training seeds.

    Args:
        asked: the entry `asked` of `run.json`.
    """
    cases = asked["data"]["cases"]
    groups = {case["group"] for case in cases}
    notes = []
    if len(groups) < len(cases):
        notes.append(
            f"A group is a patient: the {len(cases)} cases come from {len(groups)} patients, and the values of "
            "one patient's cases are averaged first, so that each patient counts once."
        )
    failures = asked["data"]["failures"]
    if failures:
        notes.append(
            f"{len(failures)} of {len(cases) + len(failures)} cases could not be used and "
            f"{'is' if len(failures) == 1 else 'are'} in no figure. The summary in the run directory says why."
        )
    specs = {model["name"]: Spec.from_dict(model["spec"]) for model in asked["models"]}
    notes += _grid_notes(asked, next(iter(specs.values())))
    for title, cases_of_domain in _by_domain(cases).items():
        notes += _training_notes(title, cases_of_domain, specs)
    trainings = {name: spec.training for name, spec in specs.items() if spec.training}
    differing = _differing_settings([_recipe(training) for training in trainings.values()])
    if differing:
        epochs = ", ".join(f"{name} {count(training['epochs'], 'epoch')}" for name, training in trainings.items())
        notes.append(
            f"The models were trained by different recipes ({epochs}; different settings: {', '.join(differing)}), so "
            "a difference between them can come from the training."
        )
    if any(spec.training or spec.weights for spec in specs.values()):
        notes.append(ONE_NETWORK)
    return notes


def _grid_notes(asked: Mapping[str, Any], spec: Spec) -> list[str]:
    """A note where models see cases at another size or spacing than that of the files."""
    size, spacing = spec.preparation.size, spec.preparation.spacing
    if not (size or spacing):
        return []
    lengths = "×".join(map(str, size) if size else (f"{length:g}" for length in spacing or ()))
    change = f"resized to {lengths}" if size else f"resampled to a spacing of {lengths} mm"
    note = (
        f"Every case is {change} before it is perturbed and scored. At the {'size' if size else 'spacing'} of the "
        "files, figures can differ."
    )
    metrics = parse_metrics(",".join(asked.get("metrics", ["dice"])))
    if any(metric.measures_distance for metric in metrics.values()):
        note += " Distances are still in mm, or in pixels of the files where the files give no spacing in mm."
    return [note]


def _by_domain(cases: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The cases of each domain, by the words that name them in a sentence; all cases if there is one domain."""
    domains = sorted({case["domain"] for case in cases})
    if len(domains) < 2:
        return {"": list(cases)}
    return {
        f" of domain {domain}" if domain else " without a domain": [case for case in cases if case["domain"] == domain]
        for domain in domains
    }


def _training_notes(title: str, cases: Sequence[Mapping[str, Any]], specs: Mapping[str, Spec]) -> list[str]:
    """Notes on cases that took part in the training of a model, which can make figures look too good."""
    fingerprints = {case["fingerprint"] for case in cases}
    chose = {name: len(fingerprints & spec.chose) for name, spec in specs.items() if fingerprints & spec.chose}
    seen = {name: len(fingerprints & spec.seen) for name, spec in specs.items() if fingerprints & spec.seen}
    sample = f"{count(len(cases), 'case')}{title}"
    notes = []
    for number, models in _by_count(chose).items():
        notes.append(
            f"The training of {listed(models)} used {number} of the {sample} to choose, by Dice without noise, which "
            "epoch to keep: figures on these cases can be better than on new ones."
        )
    for number, models in _by_count(seen).items():
        notes.append(
            f"The training of {listed(models)} used {number} of the {sample}: figures on these cases are better than "
            "on new ones."
        )
    return notes


def _by_count(counts: Mapping[str, int]) -> dict[int, list[str]]:
    """The models that have the same count, by the count."""
    return {number: [name for name in counts if counts[name] == number] for number in dict.fromkeys(counts.values())}


def _recipe(training: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a training without seed and device, which can differ between two equal trainings."""
    settings = {key: value for key, value in training["recipe"].items() if key not in ("seed", "device")}
    return {**settings, "dataset": training["dataset"], "training cases": sorted(training["training_cases"])}


def _differing_settings(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that have more than one value."""
    settings = sorted({setting for recipe in recipes for setting in recipe})
    return [name for name in settings if len({json.dumps(recipe.get(name)) for recipe in recipes}) > 1]
