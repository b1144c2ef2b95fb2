"""The sentences of a page's verdict."""

from typing import Any

import numpy as np
import pandas as pd

from robustq.report.page.levels import Levels
from robustq.report.page.verdict import Verdict, comparison_verdicts, level_verdicts

PERCENT = "\N{NO-BREAK SPACE}%"


def measured(metric: str = "dice", unit: str = "", **columns: Any) -> Levels:
    """One curve at 0, 10 and 30 % over ten patients."""
    rows = pd.DataFrame(
        {
            "model": "vq",
            "perturbation": "gaussian",
            "domain": "",
            "label": "",
            "level": [0.0, 10.0, 30.0],
            "groups": 10,
            "mean": [0.9, 0.8, 0.5],
            "drop": [0.0, 0.1, 0.4],
            "drop_low": [0.0, 0.05, 0.3],
            "drop_high": [0.0, 0.15, 0.5],
            **columns,
        }
    )
    return Levels(metric, unit, not unit, ["vq"], ["gaussian"], {"": ""}, rows)


def verdict(measure: Levels) -> Verdict:
    (only,) = level_verdicts(measure)
    return only


def test_a_settled_verdict_says_what_is_lost_and_where_most_of_it() -> None:
    told = verdict(measured())

    assert told.settled
    assert (
        told.sentence
        == f"loses 0.400 [0.300, 0.500] Dice, from 0.900 at 0{PERCENT} to 0.500 at 30{PERCENT} (10 patients)."
    )
    assert told.change == f"Per point of level, most is lost from 10{PERCENT} to 30{PERCENT}."


def test_steps_of_unequal_length_are_compared_for_each_point_of_level() -> None:
    # 0.1 within 10 points is more than 0.15 within 20.
    told = verdict(measured(drop=[0.0, 0.1, 0.25]))
    assert told.change == f"Per point of level, most is lost from 0{PERCENT} to 10{PERCENT}."


def test_an_open_verdict_says_how_many_patients_would_settle_it() -> None:
    told = verdict(measured(drop=[0.0, 0.0, 0.01], drop_low=[0, -0.02, -0.02], drop_high=[0, 0.02, 0.04]))

    assert not told.settled
    # 10 patients · (0.03 / 0.01)²
    assert told.change.endswith("To settle a difference of this size would take about 90 patients.")
    far = verdict(measured(drop=[0.0, 0.0, 0.001], drop_low=[0, -0.1, -0.1], drop_high=[0, 0.1, 0.1]))
    assert far.change.endswith("more than 1000 patients.")


def test_where_a_few_patients_decide_no_number_of_patients_is_promised() -> None:
    # By the rule 4 patients would do, and 10 did not.
    told = verdict(measured(drop=[0.0, 0.0, 0.2], drop_low=[0, -0.02, -0.01], drop_high=[0, 0.02, 0.23]))

    assert told.change.endswith("The interval contains 0.")


def test_a_gain_has_its_interval_turned_round() -> None:
    told = verdict(measured(drop=[0.0, -0.1, -0.2], drop_low=[0, -0.2, -0.3], drop_high=[0, 0.0, -0.1]))

    assert told.sentence.startswith("gains 0.200 [0.100, 0.300] Dice")


def test_a_distance_rises_in_its_unit_and_an_infinite_one_has_no_difference() -> None:
    assert verdict(measured("hd95", "mm")).sentence.startswith("its HD95 rises by 0.40 [0.30, 0.50] mm, from 0.90")
    told = verdict(measured("hd95", "mm", mean=[1.0, 2.0, np.inf], drop=[0.0, 1.0, np.inf]))
    assert "to ∞ at 30" in told.sentence
    assert "there is no finite difference" in told.sentence


def test_one_patient_has_no_interval() -> None:
    told = verdict(measured(groups=1, drop_low=np.nan, drop_high=np.nan))

    assert told.sentence.startswith("loses 0.400 (no interval) Dice")
    assert told.change.endswith("One patient gives no interval: measure more patients.")


def test_a_comparison_in_a_card_is_short() -> None:
    compared = pd.DataFrame(
        {
            "model": "vq",
            "baseline": "unet",
            "perturbation": "gaussian",
            "perturbations": 1,
            "level": 30.0,
            "measure": ["clean", "drop"],
            "groups": 10,
            "difference": [0.01, -0.1],
            "low": [0.0, -0.2],
            "high": [0.02, -0.05],
        }
    )

    (told,) = comparison_verdicts("gaussian", compared, measured(), whole=False)
    assert told.sentence == "vq loses 0.100 [0.050, 0.200] less Dice than unet."
    (whole,) = comparison_verdicts("gaussian", compared, measured(), whole=True)
    assert "no claim about architectures" in whole.sentence
