"""The ranking of models, against an independent implementation and by its properties."""

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon
from statsmodels.stats.multitest import multipletests

import rows
from robustq.errors import RequestError
from robustq.statistics.ranking import rank_models
from robustq.statistics.robustness_differences import compare_robustness

SLOPES = {"steep": 0.01, "flat": 0.005, "nearly flat": 0.0051}


def frame(slopes: dict[str, float], groups: int = 12) -> pd.DataFrame:
    return rows.frame(
        [
            row
            for seed, (name, slope) in enumerate(slopes.items())
            for row in rows.run(name, rows.declining(slope, seed), groups=groups)
        ]
    )


def areas_by_hand(table: pd.DataFrame) -> pd.DataFrame:
    """For each group and model, the mean over perturbations of the area under its curve."""
    keys = ["model", "group", "perturbation", "level"]
    per_case = table.groupby([*keys, "label"])["value"].mean().groupby(keys).mean().unstack("level")
    area = (per_case[0.0] + per_case[10.0]) / 2 * 10 / 30 + (per_case[10.0] + per_case[30.0]) / 2 * 20 / 30
    by_model: pd.DataFrame = area.groupby(["group", "model"]).mean().unstack("model")
    return by_model


def test_three_models_rank_as_scipy_and_statsmodels_say() -> None:
    table = frame(SLOPES)
    areas = areas_by_hand(table)
    pairs = list(combinations(SLOPES, 2))
    p = [wilcoxon(areas[first], areas[second]).pvalue for first, second in pairs]
    different, corrected, *_ = multipletests(p, alpha=0.05, method="holm")
    higher = {first: {other for other in SLOPES if areas[other].mean() > areas[first].mean()} for first in SLOPES}
    told_apart = {frozenset(pair) for pair, yes in zip(pairs, different, strict=True) if yes}

    ranks = rank_models(table)

    assert ranks.pairs["p_holm"].tolist() == pytest.approx(corrected)
    assert different.tolist() == [True, True, False]
    for row in ranks.models.to_dict("records"):
        name = row["model"]
        better = [other for other in higher[name] if frozenset((name, other)) in told_apart]
        worse = [o for o in SLOPES if o != name and o not in higher[name] and frozenset((name, o)) in told_apart]
        assert row["audc"] == pytest.approx(areas[name].mean())
        assert (row["best_rank"], row["rank"], row["worst_rank"]) == (
            1 + len(better),
            1 + len(higher[name]),
            3 - len(worse),
        )


def test_the_areas_are_those_of_compare() -> None:
    table = frame(SLOPES)
    compared = compare_robustness(table, "flat").set_index(["model", "perturbation", "measure"])

    models = rank_models(table).models.set_index("model")

    for name in ("steep", "nearly flat"):
        assert models.loc[name, "audc"] == pytest.approx(compared.loc[(name, "all", "audc"), "value"], abs=1e-12)
    assert models.loc["flat", "audc"] == pytest.approx(
        compared.loc[("steep", "all", "audc"), "baseline_value"], abs=1e-12
    )


@settings(max_examples=5, deadline=None)
@given(st.lists(st.floats(0, 0.02), min_size=2, max_size=4), st.integers(2, 12))
def test_the_places_hold_the_rank_and_do_not_depend_on_the_order_of_the_models(
    slopes: list[float], groups: int
) -> None:
    named = {f"model {place}": slope for place, slope in enumerate(slopes)}
    table = frame(named, groups)

    ranks = rank_models(table, resamples=10)
    again = rank_models(table.iloc[::-1], resamples=10)

    models = ranks.models
    assert ((models["best_rank"] <= models["rank"]) & (models["rank"] <= models["worst_rank"])).all()
    assert models["best_rank"].min() == 1
    assert models["worst_rank"].max() == len(slopes)
    columns = ["model", "rank", "best_rank", "worst_rank"]
    first, second = (one[columns].sort_values("model", ignore_index=True) for one in (models, again.models))
    pd.testing.assert_frame_equal(first, second)
    if groups < 6:
        assert (models["best_rank"] == 1).all()
        assert "too few" in ranks.reason


def test_too_few_patients_for_so_many_pairs_leave_every_place_open() -> None:
    ranks = rank_models(frame({f"model {place}": 0.004 * place for place in range(5)}, groups=7), resamples=10)

    assert set(ranks.models["worst_rank"]) == {5}
    assert "With 10 pairs and 7 patients" in ranks.reason
    assert "it takes 9 patients" in ranks.reason


def test_a_skewed_difference_whose_mean_and_ranks_disagree_decides_nothing() -> None:
    def skewed(group: int, **_: object) -> float:
        return 0.5 if group < 28 else 0.1

    table = rows.frame(
        rows.run("even", lambda **_: 0.48, groups=30, labels=("a",)) + rows.run("odd", skewed, groups=30, labels=("a",))
    )

    ranks = rank_models(table)

    (pair,) = ranks.pairs.to_dict("records")
    assert pair["p_holm"] < 0.05
    assert pair["difference"] > 0
    assert pair["better"] == ""


def test_a_group_without_an_answer_is_left_out_for_all_and_counted() -> None:
    made = rows.frame(
        rows.run("a", rows.declining(0.01, 0), groups=10)
        + rows.run(
            "b", lambda **key: None if key["group"] == 3 and key["level"] == 30 else rows.declining(0.005, 1)(**key),
            groups=10,
        )
    )  # fmt: skip
    made.loc[made["value"].isna(), "status"] = "no-answer"

    ranks = rank_models(made)

    assert set(ranks.models["groups"]) == {9}
    assert ranks.left_out == {"b": 1}


@pytest.mark.parametrize("order", list(permutations(("gaussian", "poisson"))))
def test_other_noise_is_not_ranked(order: tuple[str, str]) -> None:
    table = rows.frame(
        rows.run("a", rows.declining(0.01, 0), noises=order) + rows.run("b", rows.declining(0.01, 0), noises=order[:1])
    )

    with pytest.raises(RequestError, match="cannot be paired, because their levels differ"):
        rank_models(table)


def test_equal_models_share_a_rank_and_every_place() -> None:
    table = rows.frame([row for name in ("a", "b", "c") for row in rows.run(name, rows.declining(0.01, 0), groups=10)])

    models = rank_models(table).models

    assert models["rank"].tolist() == [1, 1, 1]
    assert np.isclose(models["audc"], models["audc"][0]).all()
    assert set(zip(models["best_rank"], models["worst_rank"], strict=True)) == {(1, 3)}
