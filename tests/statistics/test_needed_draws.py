"""The rule of `--draws auto`, on a case computed by hand and on any numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustq.statistics.needed_draws import draw_and_group_variance, enough_draws, needed_draws


def frame(values: dict[tuple[str, str, str, str], list[float]]) -> pd.DataFrame:
    """Rows of (model, group, case, label) -> value of each draw."""
    return pd.DataFrame(
        [
            {"model": m, "dataset": "d", "group": g, "case": c, "label": label, "draw": draw, "value": value}
            | {"status": "ok", "metric": "dice"}
            for (m, g, c, label), by_draw in values.items()
            for draw, value in enumerate(by_draw)
        ]
    )


def test_two_groups_of_one_and_two_cases_by_hand() -> None:
    # Case means 2, 4, 8, so group means 2 and 6: s² = 8, B = 4. Sample variances over draws 4/3, 4/3, 16/3:
    # W = (4/3 + (4/3 + 16/3) / 4) / 4 = 0.75.
    values = np.array([[1.0, 1, 3, 3], [3, 3, 5, 5], [6, 6, 10, 10]])
    within, between = draw_and_group_variance(values, np.array([0, 1, 1]))
    assert within == pytest.approx(0.75)
    assert between == pytest.approx(4)
    # 0.75 / n <= 0.04 from n = 18.75 on.
    assert enough_draws(within, between, 100) == 19
    rows = {("a", group, case, "x"): list(v) for group, case, v in zip("guu", "012", values, strict=True)}
    assert needed_draws(frame(rows), 100) == 19
    assert needed_draws(frame(rows), 10) == 10


def test_labels_are_averaged_in_each_draw_and_pairs_of_models_count() -> None:
    flat = {("a", g, g, label): [v, v, v, v] for g, v in (("g", 0.1), ("u", 0.9)) for label in "xy"}
    opposite = {
        ("a", g, g, label): [v - s, v + s] * 2
        for g, v in (("g", 0.1), ("u", 0.9))
        for label, s in (("x", 0.1), ("y", -0.1))
    }
    assert needed_draws(frame(flat), 100) == 4
    assert needed_draws(frame(opposite), 100) == 4
    noisy = {("b", g, g, label): [v, v + 0.01] * 2 for g, v in (("g", 0.1), ("u", 0.9)) for label in "xy"}
    # Alone, both models are far from noise; their difference is the same in both groups, so all of it is noise.
    assert needed_draws(frame(noisy), 100) == 4
    assert needed_draws(frame(flat | noisy), 100) == 100


def test_without_a_variance_between_groups_the_number_is_the_largest_unless_nothing_varies() -> None:
    assert needed_draws(frame({("a", "g", "0", "x"): [0.1, 0.2, 0.3, 0.4]}), 50) == 50
    assert needed_draws(frame({("a", "g", "0", "x"): [0.5] * 4}), 50) == 4
    assert needed_draws(frame({("a", g, g, "x"): [1.0, np.inf, 2, 3] for g in "gu"}), 50) == 50
    assert needed_draws(frame({("a", g, g, "x"): [np.nan] * 4 for g in "gu"}), 50) == 4


@given(st.floats(0, 1e3), st.floats(0, 1e3), st.integers(4, 60))
def test_the_number_is_the_smallest_that_the_rule_accepts(within: float, between: float, most: int) -> None:
    number = int(enough_draws(np.array(within), np.array(between), most))
    accepted = [n for n in range(4, most + 1) if within * 100 <= between * n]
    assert number == (accepted[0] if accepted else most)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(2, 4))
def test_the_variances_are_those_of_loops_over_groups_and_cases(seed: int, cases: int, groups: int) -> None:
    generator = np.random.default_rng(seed)
    member = np.concatenate([np.arange(groups), generator.integers(groups, size=cases)])
    values = generator.random((len(member), 4))
    within, between = draw_and_group_variance(values, member)
    of_group = [values[member == group] for group in range(groups)]
    by_hand = sum(np.var(v, axis=1, ddof=1).sum() / len(v) ** 2 for v in of_group) / groups**2
    assert within == pytest.approx(by_hand)
    assert between == pytest.approx(np.var([v.mean() for v in of_group], ddof=1) / groups)
