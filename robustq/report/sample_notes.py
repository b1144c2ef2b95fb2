"""What must be said of the sample under every table."""

import json
from collections.abc import Mapping
from typing import Any

from robustq.model.spec import Spec
from robustq.report.numbers import count

ONE_NETWORK = "each model is one trained network: a claim about an architecture needs at least 3 training seeds"
"""Said wherever a line is a model; a line that is an architecture tells its seeds itself."""


def sample_notes(asked: Mapping[str, Any]) -> list[str]:
    """What the sample is: failed cases, cases that chose the epoch, training seeds behind a model.

    Args:
        asked: the entry of that name in `run.json`.
    """
    cases = asked["data"]["cases"]
    groups = {case["group"] for case in cases}
    notes = []
    if len(groups) < len(cases):
        notes.append(f"a group is a patient: {len(cases)} cases of {len(groups)} patients")
    failures = asked["data"]["failures"]
    if failures:
        notes.append(f"{len(failures)} of {len(cases) + len(failures)} cases could not be used and are left out")
    preparation = Spec.from_dict(asked["models"][0]["spec"]).preparation
    if preparation.size or preparation.spacing:
        notes.append("scored on the prepared grid; a distance is in the stored images' unit")
    specs = {model["name"]: Spec.from_dict(model["spec"]) for model in asked["models"]}
    trainings = {name: spec.training for name, spec in specs.items()}
    fingerprints = {case["fingerprint"] for case in cases}
    chose = max(len(fingerprints & spec.chose) for spec in specs.values())
    seen = max(len(fingerprints & spec.seen) for spec in specs.values())
    if chose:
        notes.append(f"{chose} of the {len(cases)} cases also chose the best epoch of a model, by clean Dice")
    if seen:
        notes.append(f"{seen} of the {len(cases)} cases were seen in training by a model: its figures flatter")
    recipes = {_recipe(training) for training in trainings.values() if training}
    if len(recipes) > 1:
        told = ", ".join(
            f"{name} {count(training['epochs'], 'epoch')}" for name, training in trainings.items() if training
        )
        notes.append(f"the models were trained by different recipes ({told}): what sets them apart may be that")
    if any(spec.training or spec.weights for spec in specs.values()):
        notes.append(ONE_NETWORK)
    return notes


def _recipe(training: Mapping[str, Any]) -> str:
    """What was asked of a training, without what may differ between two trained alike."""
    asked = {key: value for key, value in training["recipe"].items() if key not in ("seed", "device")}
    return json.dumps([asked, training["dataset"], sorted(training["training_cases"])], sort_keys=True)
