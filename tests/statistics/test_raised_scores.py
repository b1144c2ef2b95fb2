"""Noise that raises Dice is noticed where it is more than chance."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from robustq.report.raised_notes import raised_notes
from robustq.statistics.raised_scores import raised_scores


def means(gain: float, spread: float = 0.002, groups: int = 12, metric: str = "dice") -> pd.DataFrame:
    """Group means of one model: level 0 about 0.7, level 10 higher by `gain`, level 20 lower."""
    generator = np.random.default_rng(4)
    clean = generator.normal(0.7, 0.1, groups)
    moved = clean + gain + generator.normal(0, spread, groups)
    values = {0.0: clean, 10.0: moved, 20.0: clean - 0.2}
    return pd.DataFrame(
        [
            {"model": "m", "perturbation": "blur", "level": level, "metric": metric, "dataset": "d", "group": str(n)}
            | {"value": value, "unanswered": 0}
            for level, column in values.items()
            for n, value in enumerate(column)
        ]
    )


def test_a_gain_beyond_chance_is_found_at_its_level() -> None:
    frame = means(0.03)
    (gain,) = raised_scores(frame)
    columns = {level: rows["value"].to_numpy() for level, rows in frame.groupby("level")}
    assert (gain.model, gain.perturbation, gain.level) == ("m", "blur", 10.0)
    assert gain.perturbed - gain.clean == pytest.approx((columns[10.0] - columns[0.0]).mean())
    interval = scipy.stats.ttest_rel(columns[10.0], columns[0.0]).confidence_interval()
    assert gain.low == pytest.approx(interval.low, abs=0.001)
    (note,) = raised_notes([gain])
    assert note.startswith("m scores better under blur than without it")


@pytest.mark.parametrize(
    "frame",
    [means(-0.03), means(0.003), means(0.02, spread=0.2), means(0.03, metric="iou"), means(0.03, groups=1)],
    ids=["a loss", "less than half a point", "chance", "another metric", "a single group has no interval"],
)
def test_what_is_no_gain_or_may_be_chance_is_not_mentioned(frame: pd.DataFrame) -> None:
    assert raised_scores(frame) == []


def test_rows_without_level_zero_say_nothing() -> None:
    frame = means(0.03)
    assert raised_scores(frame[frame["level"] > 0]) == []
