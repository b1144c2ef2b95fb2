"""What is said of labels that the truth does not show."""

import pandas as pd
import pytest

from robustq.report.invented_notes import invented_notes
from robustq.statistics.invented_labels import invented


def rows(answers: dict[tuple[str, float, str, int], float]) -> pd.DataFrame:
    """Rows of one model by (perturbation, level, case, draw), given the volume it answers, in mm³."""
    shared = {"model": "m", "dataset": "d", "domain": "", "label": "heart"}
    return pd.DataFrame(
        {
            **shared,
            "perturbation": name,
            "level": level,
            "case": case,
            "draw": draw,
            "metric": metric,
            "value": value,
            "unit": unit,
        }
        for (name, level, case, draw), volume in answers.items()
        for metric, value, unit in (("invented", float(volume > 0), ""), ("invented_volume", volume, "mm3"))
    )


ANSWERS = {
    ("gaussian", 0.0, "a", 0): 0.0,
    ("gaussian", 0.0, "b", 0): 0.0,
    ("gaussian", 10.0, "a", 0): 6.0,
    ("gaussian", 10.0, "a", 1): 0.0,
    ("gaussian", 10.0, "b", 0): 3.0,
    ("gaussian", 10.0, "b", 1): 5.0,
}


def test_the_share_is_the_mean_over_draws_then_over_labels_of_cases() -> None:
    clean, noisy = invented(rows(ANSWERS))
    assert (clean.level, clean.absent, clean.share, clean.volume) == (0, 2, 0, 0)
    assert (noisy.level, noisy.absent, noisy.unit) == (10, 2, "mm3")
    assert noisy.share == pytest.approx((1 / 2 + 1) / 2)
    assert noisy.volume == pytest.approx((3 + 4) / 2)


def test_the_note_tells_the_clean_share_and_the_largest() -> None:
    (note,) = invented_notes(invented(rows(ANSWERS)), 5)
    assert note.replace("\N{NO-BREAK SPACE}", " ") == (
        "In 2 of the 5 pairs of a case and a label, the true mask does not have the label. Such a pair has no score "
        "and is in no figure above. Share of these pairs in which a model predicts the label although the true mask "
        "does not have it (invents it), at 0 %: m 0.000 (at most 0.750, under gaussian at 10 %)."
    )


def test_where_every_truth_shows_every_label_nothing_is_said() -> None:
    frame = rows(ANSWERS)
    assert invented(frame[frame["metric"] == "dice"]) == []
    assert invented_notes([], 5) == []
