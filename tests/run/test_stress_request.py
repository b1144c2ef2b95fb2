"""A stress request is checked before models and cases are opened, and says in `run.json` what was asked."""

from typing import Any

import pytest

from robustq.errors import RequestError
from robustq.run.draw_counts import DrawCounts
from robustq.run.stress_request import StressRequest

PLAIN: dict[str, Any] = {
    "noise": None,
    "attack": (),
    "transfer_from": None,
    "levels": [0, 10],
    "severity": None,
    "draws": 3,
    "max_draws": None,
    "seed": 7,
    "metrics": "dice",
    "missing": "diagonal",
    "split": "all",
    "compat": None,
    "clip": False,
    "batch_size": None,
    "noise_device": "cpu",
    "precision": "fp32",
    "without_labels": False,
    "quality": False,
    "decode": "nearest",
}


def checked(**changes: Any) -> StressRequest:
    return StressRequest.checked(**(PLAIN | changes))


def test_a_plain_request_holds_the_entries_that_every_version_wrote_in_their_order() -> None:
    document = checked().document(
        source=None, draws=DrawCounts(3, {"gaussian": 3}, {}), batch_size="auto", precision="fp32"
    )
    assert list(document.items()) == [
        ("perturbations", ["gaussian"]),
        ("levels", [0.0, 10.0]),
        ("draws", 3),
        ("seed", 7),
        ("metrics", ["dice"]),
        ("missing", "diagonal"),
        ("split", "all"),
        ("clip", False),
        ("batch_size", "auto"),
        ("noise_device", "cpu"),
        ("precision", "fp32"),
    ]


def test_what_is_asked_beyond_that_has_an_entry_of_its_own() -> None:
    request = checked(attack=["fgsm"], draws="auto", quality=True, noise=["blur"])
    counts = DrawCounts("auto", {"blur": "auto"}, {"fgsm": 1})
    document = request.document(source="unet", draws=counts, batch_size=4, precision="fp32")
    plain = checked().document(source=None, draws=counts, batch_size=4, precision="fp32")
    assert {name: value for name, value in document.items() if name not in plain} == {
        "attacks": {"fgsm": 1},
        "transfer_from": "unet",
        "quality": True,
    }
    assert (document["perturbations"], document["max_draws"]) == (["blur", "fgsm"], 100)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"noise": []}, "no perturbation was named"),
        ({"transfer_from": "unet", "levels": [200]}, "without an attack"),
        ({"levels": [200], "batch_size": 0}, "level 200 is not a percentage"),
        ({"batch_size": 0, "missing": "zero"}, "batch_size=0 was asked"),
        ({"missing": "zero", "metrics": "dyce"}, "unknown missing policy 'zero'"),
        ({"metrics": "dyce", "decode": "far"}, "unknown metric 'dyce'"),
    ],
)
def test_of_several_faults_the_first_argument_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        checked(**wrong)


def test_a_metric_of_cases_in_mm_and_in_px_is_refused_with_an_example_of_each() -> None:
    request = checked(metrics="dice,hd95")
    request.check_units({"mm": "A/1"})
    with pytest.raises(RequestError, match=r"hd95 of cases with different units \(A/1 in mm, B/2 in px\)"):
        request.check_units({"mm": "A/1", "px": "B/2"})
