"""The worst answer of each image, and scores by the size of the structure, on rows worked out by hand."""

import pandas as pd
import pytest

from robustq.statistics.by_size import by_size
from robustq.statistics.worst_of_attacks import competitors, worst_rows


def rows(
    values: dict[tuple[str, str, int], dict[str, float]], metric: str = "dice", level: float = 2.0
) -> pd.DataFrame:
    """Rows of one model; for a case, an attack and a draw, the value of each label."""
    shared = {"model": "m", "level": 2.0, "dataset": "d", "metric": metric, "unit": "", "status": "ok"}
    frame = pd.DataFrame(
        {**shared, "case": case, "group": case, "perturbation": attack, "draw": draw, "label": label, "value": value}
        for (case, attack, draw), labels in values.items()
        for label, value in labels.items()
    )
    return frame.astype({"draw": "Int64"})


def values(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Value by case and label."""
    return {(row["case"], row["label"]): row["value"] for row in frame.to_dict("records")}


ANSWERS = {
    ("a", "pgd", 0): {"heart": 0.8, "lung": 0.9},
    ("a", "pgd", 1): {"heart": 0.2, "lung": 0.9},
    ("a", "square", 0): {"heart": 0.6, "lung": 0.4},
    ("b", "pgd", 0): {"heart": 0.5, "lung": 0.5},
    ("b", "pgd", 1): {"heart": 0.7, "lung": 0.7},
    ("b", "square", 0): {"heart": 0.1, "lung": 1.0},
}


def test_one_answer_is_the_worst_of_an_image_and_is_scored_for_every_label() -> None:
    worst = worst_rows(rows(ANSWERS), {"worst": ["pgd", "square"]})
    # Of case a, square has the lowest mean, although pgd's second draw has the lowest heart.
    assert values(worst) == {
        ("a", "heart"): 0.6,
        ("a", "lung"): 0.4,
        ("b", "heart"): 0.5,
        ("b", "lung"): 0.5,
    }
    assert set(worst["perturbation"]) == {"worst"}
    assert set(worst["draw"]) == {0}


def test_other_metrics_are_those_of_the_answer_with_the_worst_dice() -> None:
    distance = rows({key: dict.fromkeys(labels, float(place)) for place, (key, labels) in enumerate(ANSWERS.items())})
    frame = pd.concat([rows(ANSWERS), distance.assign(metric="hd95", unit="mm")])
    worst = worst_rows(frame, {"worst": ["pgd", "square"]})
    assert values(worst[worst["metric"] == "hd95"])["a", "heart"] == 2
    assert values(worst[worst["metric"] == "hd95"])["b", "heart"] == 3


def test_attacks_that_are_allowed_more_do_not_compete() -> None:
    norms = {"pgd": "epsilon", "pgd@l2": "rms", "other": ""}
    shown = {"pgd", "pgd@l2", "other", "pgd (from n)"}
    assert competitors(norms, ["m", "n"], shown) == {
        "worst": ["pgd", "pgd (from n)"],
        "worst@l2": ["pgd", "pgd (from n)", "pgd@l2"],
    }
    assert competitors({"other": ""}, ["m"], shown) == {}
    worst = worst_rows(rows(ANSWERS), {"worst": ["pgd"]})
    assert values(worst)["a", "heart"] == 0.2


def test_an_answer_that_is_not_finite_is_the_worst() -> None:
    frame = rows(ANSWERS)
    lost = (frame["case"] == "b") & (frame["draw"] == 1)
    frame.loc[lost, ["value", "status"]] = [float("nan"), "no-answer"]
    worst = worst_rows(frame, {"worst": ["pgd", "square"]})
    assert worst.set_index("case").loc["b", "status"].tolist() == ["no-answer", "no-answer"]


def test_without_attacks_or_without_dice_there_is_no_worst_answer() -> None:
    assert worst_rows(rows(ANSWERS), {}).empty
    assert worst_rows(rows(ANSWERS, metric="iou"), {"worst": ["pgd"]}).empty


def test_structures_are_divided_into_thirds_of_their_label() -> None:
    answers = {(case, "pgd", 0): {"heart": value} for case, value in zip("abcdef", (1, 2, 3, 4, 5, 6), strict=True)}
    volumes = {case: {"heart": volume} for case, volume in zip("abcdef", (60, 50, 40, 30, 20, 10), strict=True)}
    table = by_size(rows(answers), volumes).sort_values("third")
    assert table["mean"].tolist() == [5.5, 3.5, 1.5]
    assert table["sd"].tolist() == pytest.approx([0.5**0.5] * 3)
    assert table[["smallest", "largest", "structures", "groups"]].to_numpy().tolist() == [
        [10, 20, 2, 2],
        [30, 40, 2, 2],
        [50, 60, 2, 2],
    ]


def test_a_patient_counts_once_in_a_third_and_a_label_needs_three_structures() -> None:
    answers = {(case, "pgd", 0): {"heart": 1.0 * (case == "a"), "rare": 0.5} for case in "abc"}
    frame = rows(answers).assign(group=["p", "p", "p", "p", "q", "q"])
    volumes = {case: {"heart": 5.0} for case in "abc"} | {"a": {"heart": 5.0, "rare": 1.0}}
    table = by_size(frame, volumes)
    assert table["label"].tolist() == ["heart"]  # all volumes are equal, so all are in the lowest third
    assert table[["third", "groups", "mean"]].to_numpy().tolist() == [[0, 2, 0.25]]
