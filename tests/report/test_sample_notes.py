"""Notes on the sample say what is known of each model."""

from typing import Any

import robustq
from robustq.report.sample_notes import sample_notes


def asked(*trainings: dict[str, Any]) -> dict[str, Any]:
    """A run on four cases, by models of these trainings."""
    spec = robustq.wrap("unet", "none", width=4, scales=2, groups=2).spec.to_dict()
    models = [
        {
            "name": f"m{number}",
            "spec": {**spec, "training": {"dataset": "d", "epochs": training["recipe"]["epochs"], **training}},
        }
        for number, training in enumerate(trainings)
    ]
    cases = [{"id": name, "group": name, "domain": "", "fingerprint": name} for name in "abcd"]
    return {"models": models, "data": {"cases": cases, "failures": {}}}


def training(seen: str, chose: str, **recipe: object) -> dict[str, Any]:
    return {"recipe": {"epochs": 3, **recipe}, "training_cases": list(seen), "validation_cases": list(chose)}


def starting(notes: list[str], beginning: str) -> list[str]:
    return [note for note in notes if note.startswith(beginning)]


def test_models_that_saw_the_same_number_of_cases_share_a_sentence_and_others_have_their_own() -> None:
    notes = sample_notes(asked(training("ab", "c"), training("ab", "c"), training("a", "cd")))
    used = starting(notes, "The training of")
    assert [note.partition(" of the 4 cases")[0] for note in used] == [
        "The training of m0 and m1 used 1",
        "The training of m2 used 2",
        "The training of m0 and m1 used 2",
        "The training of m2 used 1",
    ]
    assert all("to choose" in note for note in used[:2])


def test_the_settings_in_which_recipes_differ_are_named() -> None:
    (note,) = starting(sample_notes(asked(training("x", "y"), training("x", "y", epochs=9, seed=5))), "The models were")
    assert "m0 3 epochs, m1 9 epochs; different settings: epochs)" in note


def test_trainings_that_differ_in_seed_and_device_alone_are_equal() -> None:
    notes = sample_notes(asked(training("x", "y", seed=0, device="cpu"), training("x", "y", seed=1, device="cuda")))
    assert not starting(notes, "The models were")
