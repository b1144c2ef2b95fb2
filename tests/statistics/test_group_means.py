"""Group means and table rows, by hand."""

import math

import pandas as pd
import pytest

from robustq.statistics import (
    group_means,
    summarise,
)
from rows import declining, frame, row, run


def test_a_group_is_averaged_over_draws_then_labels_then_cases():
    rows = frame(
        [
            row(case="1", label="lung", draw=0, value=0.2),
            row(case="1", label="lung", draw=1, value=0.4),  # lung of case 1: 0.3
            row(case="1", label="heart", draw=0, value=0.9),  # case 1: 0.6
            row(case="2", label="lung", draw=0, value=0.1),  # case 2: 0.1
            row(case="3", group="2", label="lung", value=1.0),
        ]
    )

    whole, apart = group_means(rows), group_means(rows, by_label=True)

    assert whole["value"].tolist() == pytest.approx([0.35, 1.0])
    assert apart.set_index(["label", "group"])["value"].to_dict() == pytest.approx(
        {("heart", "1"): 0.9, ("lung", "1"): 0.2, ("lung", "2"): 1.0}
    )


def test_a_patient_seen_in_two_domains_is_one_group():
    rows = frame([row(domain="A", value=0.2), row(domain="B", value=0.6)])

    (line,) = summarise(group_means(rows)).to_dict("records")

    assert (line["groups"], line["mean"]) == (1, pytest.approx(0.4))


def test_the_order_of_rows_does_not_change_a_bit():
    rows = frame(run("unet", declining(0.01, 1)))
    shuffled = rows.sample(frac=1, random_state=0)

    pd.testing.assert_frame_equal(group_means(rows), group_means(shuffled), check_exact=True)


def test_failed_cases_and_counts_of_codes_are_no_scores():
    rows = frame(
        [
            row(),
            row(case="2", group="2", status="failed", value=None, metric="", label=""),
            row(metric="code_usage", label="17", value=33.0),
        ]
    )

    assert group_means(rows)["group"].tolist() == ["1"]
    assert group_means(rows)["value"].tolist() == [0.5]


def test_models_metrics_levels_and_untrained_networks_keep_their_own_lines():
    rows = frame([row(), row(training_seed=None, model="new"), row(metric="hd95", unit="mm"), row(level=30.0)])

    assert len(summarise(group_means(rows))) == 4


def test_an_infinite_distance_leaves_median_and_quartiles():
    values = [1.0, 2.0, 3.0, 4.0, math.inf]
    rows = frame(
        [
            row(case=str(n), group=str(n), metric="hd95", unit="mm", value=v, status="missed" if v > 4 else "ok")
            for n, v in enumerate(values)
        ]
    )

    (line,) = summarise(group_means(rows)).to_dict("records")

    assert (line["groups"], line["mean"], line["median"], line["q1"], line["q3"]) == (5, math.inf, 3, 2, 4)
    assert math.isnan(line["sd"])
    assert line["missed"] == 1


def test_quartiles_between_finite_and_infinite_values_are_infinite_and_between_infinite_ones_too():
    rows = [row(case=str(n), group=str(n), value=v) for n, v in enumerate([1.0, 2.0, math.inf, math.inf])]

    (line,) = summarise(group_means(frame(rows))).to_dict("records")

    assert (line["q1"], line["median"], line["q3"]) == (1.75, math.inf, math.inf)


def test_a_group_without_a_value_is_not_counted():
    rows = frame(
        [row(value=None), row(case="2", group="2", value=0.25), row(case="3", group="3", level=1.0, value=None)]
    )

    lines = summarise(group_means(rows)).set_index("level")

    assert lines.loc[10.0, ["groups", "mean"]].tolist() == [1, 0.25]
    assert lines.loc[1.0, "groups"] == 0
    assert math.isnan(lines.loc[1.0, "mean"])
