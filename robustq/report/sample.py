"""What must be said of the sample under every table."""

from collections.abc import Mapping
from typing import Any

from robustq.spec import Spec


def sample_notes(asked: Mapping[str, Any]) -> list[str]:
    """What the sample is: failed cases, cases that chose the epoch, training seeds behind a model.

    Args:
        asked: the entry of that name in `run.json`.
    """
    notes = []
    cases = asked["data"]["cases"]
    failures = asked["data"]["failures"]
    if failures:
        notes.append(f"{len(failures)} of {len(cases) + len(failures)} cases could not be used and are left out")
    trainings = {model["name"]: Spec.from_dict(model["spec"]).training for model in asked["models"]}
    fingerprints = {case["fingerprint"] for case in cases}
    chose = max(
        (len(fingerprints & set(training["validation_cases"])) for training in trainings.values() if training),
        default=0,
    )
    seen = max(
        (len(fingerprints & set(training["training_cases"])) for training in trainings.values() if training),
        default=0,
    )
    if chose:
        notes.append(f"{chose} of the {len(cases)} cases also chose the best epoch of a model, by clean Dice")
    if seen:
        notes.append(f"{seen} of the {len(cases)} cases were seen in training by a model: its figures flatter")
    if any(trainings.values()):
        notes.append("each model is one trained network: a claim about an architecture needs at least 3 training seeds")
    return notes
