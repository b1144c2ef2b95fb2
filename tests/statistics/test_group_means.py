"""From rows to tables and comparisons, on frames made by hand."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from robustq.errors import RequestError
from robustq.results.rows import Row, to_table
from robustq.statistics import (
    compare,
    group_means,
    holm,
    paired_difference,
    smallest_attainable_p,
    summarise,
    summarise_by_architecture,
)


def row(**changes: Any) -> Row:
    plain: dict[str, Any] = {
        "model": "unet",
        "dataset": "chests",
        "domain": "A",
        "case": "1",
        "group": "1",
        "perturbation": "gaussian",
        "level": 10.0,
        "parameters": "{}",
        "draw": 0,
        "seed": 7,
        "training_seed": 0,
        "label": "lung",
        "metric": "dice",
        "value": 0.5,
    }
    return Row(**(plain | changes))


def frame(rows: list[Row]) -> pd.DataFrame:
    """As a run gives it: through Arrow, whose missing values become NaN."""
    return to_table(rows).to_pandas()


def run(
    model: str,
    value: Callable[..., float | None],
    *,
    groups: int = 8,
    noises: tuple[str, ...] = ("gaussian", "poisson"),
    levels: tuple[float, ...] = (0.0, 10.0, 30.0),
    labels: tuple[str, ...] = ("heart", "lung"),
    **changes: Any,
) -> list[Row]:
    """A whole run of one model: two draws above level 0, one case a group."""
    rows = []
    for group, noise, level, label in product(range(groups), noises, levels, labels):
        for draw in range(2 if level else 1):
            place = {"perturbation": noise, "level": level, "label": label, "draw": draw}
            made = value(group=group, noise=noise, level=level, label=label, draw=draw)
            seed = 1000 * group + draw if level else None
            own = {"model": model, "case": f"case {group}", "group": str(group), "seed": seed, "value": made}
            rows.append(row(**(place | own | changes)))
    return rows


def declining(slope: float, seed: int) -> Callable[..., float]:
    """Dice that falls with the level, with an own deviation of every case and label, equal at level 0."""

    def value(group: int, noise: str, level: float, label: str, draw: int) -> float:
        if level == 0:
            noise, draw = "clean", 0
        number = [seed, group, len(noise), int(level), len(label), draw]
        return 0.9 - slope * level + float(np.random.default_rng(number).normal(0, 0.02))

    return value


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


def test_training_seeds_are_averaged_as_networks_and_never_pooled_as_cases():
    rows = frame(
        [
            row(model=f"unet-{seed}", training_seed=seed, case=str(case), group=str(case), value=value)
            for seed, values in enumerate([(0.1, 0.3), (0.5, 0.7), (0.6, 0.8)])
            for case, value in enumerate(values)
        ]
    )

    (line,) = summarise_by_architecture(rows, {f"unet-{seed}": "unet" for seed in range(3)}).to_dict("records")

    assert (line["architecture"], line["seeds"], line["groups"], line["note"]) == ("unet", 3, 2, "")
    assert line["mean"] == pytest.approx(0.5)
    assert line["sd"] == pytest.approx(np.std([0.2, 0.6, 0.7], ddof=1))


def test_fewer_than_three_training_seeds_are_no_claim_about_an_architecture():
    rows = frame([row(model="a", training_seed=0), row(model="b", training_seed=1)])

    (line,) = summarise_by_architecture(rows, {"a": "unet", "b": "unet"}).to_dict("records")

    assert line["seeds"] == 2
    assert "2 of at least 3 training seeds" in line["note"]


def test_two_networks_of_one_seed_or_of_other_cases_are_no_samples_of_an_architecture():
    same = frame([row(model="a"), row(model="b")])
    with pytest.raises(RequestError, match="'a' and 'b', both unet, have the training seed 0"):
        summarise_by_architecture(same, {"a": "unet", "b": "unet"})

    other = frame([row(model="a"), row(model="b", training_seed=1, case="9")])
    with pytest.raises(RequestError, match="their cases differ"):
        summarise_by_architecture(other, {"a": "unet", "b": "unet"})

    with pytest.raises(RequestError, match="none of the models c stands"):
        summarise_by_architecture(same, {"c": "unet"})


def test_a_comparison_is_the_paired_difference_with_its_corrected_test():
    rows = frame(run("unet", declining(0.02, 1)) + run("vq", declining(0.01, 2)))

    table = compare(rows, "unet", seed=5)

    values = group_means(rows).set_index(["model", "perturbation", "level", "group"])["value"]
    assert table[["perturbation", "level"]].to_numpy().tolist() == [
        [noise, level] for noise in ("gaussian", "poisson") for level in (0.0, 10.0, 30.0)
    ]
    expected_p = []
    for line in table.to_dict("records"):
        vq, unet = (values[model, line["perturbation"], line["level"]].to_numpy() for model in ("vq", "unet"))
        expected = paired_difference(vq, unet, seed=5)
        assert (line["groups"], line["mean"], line["baseline_mean"]) == (8, vq.mean(), unet.mean())
        assert (line["difference"], line["low"], line["high"]) == (expected.estimate, expected.low, expected.high)
        expected_p.append(scipy.stats.wilcoxon(vq - unet).pvalue)
    assert table["p"].tolist() == expected_p
    above = table["level"] > 0
    assert table.loc[above, "p_holm"].tolist() == pytest.approx(multipletests(table.loc[above, "p"], method="holm")[1])
    assert table.loc[~above, "p_holm"].tolist() == table.loc[~above, "p"].tolist()
    assert table.loc[~above, "p"].nunique() == 1


def test_the_family_is_one_model_beside_the_baseline_and_one_metric():
    base = run("unet", declining(0.02, 1))
    more = run("vq", declining(0.01, 2)) + run("other", declining(0.019, 3))
    hd95 = [changed for model, slope in (("unet", 0.3), ("vq", 0.2)) for changed in run(model, declining(slope, 4))]
    hd95 = [Row(**{**vars(one), "metric": "hd95", "unit": "mm"}) for one in hd95]

    alone = compare(frame(base + run("vq", declining(0.01, 2))), "unet")
    among = compare(frame(base + more + hd95), "unet")

    vq = among[(among["model"] == "vq") & (among["metric"] == "dice")].reset_index(drop=True)
    pd.testing.assert_frame_equal(vq, alone)
    assert set(among.loc[among["model"] == "other", "metric"]) == {"dice"}


def test_labels_kept_apart_multiply_the_family():
    rows = frame(run("unet", declining(0.02, 1)) + run("vq", declining(0.01, 2)))

    table = compare(rows, "unet", by_label=True)

    assert len(table) == 2 * 2 * 3
    above = table["level"] > 0
    assert table.loc[above, "p_holm"].tolist() == pytest.approx(holm(table.loc[above, "p"].to_numpy()))
    clean = table[(table["level"] == 0) & (table["perturbation"] == "gaussian")]
    assert clean["p_holm"].tolist() == pytest.approx(holm(clean["p"].to_numpy()))
    assert smallest_attainable_p(8, 8) > 0.05
    assert table.loc[above, "note"].unique().tolist() == [
        "8 tests above level 0 on 8 groups that differ: p (Holm) cannot fall below 0.0625, however large the difference"
    ]
    assert clean["note"].unique().tolist() == [""]


def test_few_groups_get_an_interval_and_no_p():
    rows = frame(run("unet", declining(0.02, 1), groups=5) + run("vq", declining(0.01, 2), groups=5))

    table = compare(rows, "unet")

    assert table[["difference", "low", "high"]].notna().all(axis=None)
    assert table[["p", "p_holm"]].isna().all(axis=None)
    assert table["note"].str.contains("5 groups: too few for a test").all()


def test_equal_models_differ_by_nothing_with_p_one():
    rows = frame(run("unet", declining(0.02, 1)) + run("copy", declining(0.02, 1)))

    table = compare(rows, "unet")

    assert (table[["difference", "low", "high"]] == 0).all(axis=None)
    assert (table[["p", "p_holm"]] == 1).all(axis=None)


def test_what_one_side_lacks_is_left_out_on_the_other_before_averaging():
    def lacking(group: int, label: str, **rest: Any) -> float | None:
        gone = group == 0 or (group == 1 and label == "heart")
        return None if gone else 10.0 + group + (label == "heart")

    def whole(group: int, label: str, **rest: Any) -> float:
        return 2.0 + group + 40 * (label == "heart")

    changes = {"metric": "hd95", "unit": "px"}
    rows = frame(run("unet", whole, **changes) + run("vq", lacking, **changes))

    line = compare(rows, "unet").iloc[0]

    vq, unet = ([means(group=g, label=x) for g, x in pairs] for means, pairs in ((lacking, _kept()), (whole, _kept())))
    by_group = [np.array(v[:1] + [np.mean(v[i : i + 2]) for i in range(1, len(v), 2)]) for v in (vq, unet)]
    assert (line["groups"], line["mean"], line["baseline_mean"]) == (7, by_group[0].mean(), by_group[1].mean())
    assert "1 of 8 groups left out: no value for one of the two models" in line["note"]


def _kept() -> list[tuple[int, str]]:
    return [(1, "lung"), *product(range(2, 8), ("heart", "lung"))]


def test_infinite_distances_are_told_by_medians_and_missed_structures_are_counted():
    def sometimes(group: int, **rest: Any) -> float:
        return math.inf if group == 0 else float(group)

    changes = {"metric": "hd95", "unit": "mm"}
    vq = [
        Row(**{**vars(one), "status": "missed" if one.group == "0" else "ok"})
        for one in run("vq", sometimes, **changes)
    ]
    table = compare(frame(run("unet", declining(0.02, 1), **changes) + vq), "unet")

    assert table[["difference", "low", "high", "p", "p_holm"]].isna().all(axis=None)
    assert (table["mean"] == math.inf).all()
    assert table["median"].tolist() == [4.5] * 6
    assert (table["missed"] == np.where(table["level"] == 0, 2, 4)).all()
    assert (table["baseline_missed"] == 0).all()
    assert table["note"].str.contains("infinite distances: no test and no difference, medians instead").all()


def test_runs_that_repeat_the_baseline_alike_may_be_compared_together_and_others_not():
    base, vq = run("unet", declining(0.02, 1)), run("vq", declining(0.01, 2))

    pd.testing.assert_frame_equal(compare(frame(base + vq + base), "unet"), compare(frame(base + vq), "unet"))
    with pytest.raises(RequestError, match="'unet' has two different values for dataset chests, group 0"):
        compare(frame(base + vq + run("unet", declining(0.03, 1))), "unet")


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (run("vq", declining(0.01, 2), groups=6), "their cases differ: only 'unet' has .* case case 6 and 1 more"),
        (run("vq", declining(0.01, 2), levels=(0.0, 10.0)), "their levels differ: only 'unet' has .* level 30.0"),
        (
            run("vq", declining(0.01, 2), noises=("gaussian",)),
            "their levels differ: only 'unet' has perturbation poisson",
        ),
        (run("vq", declining(0.01, 2), labels=("lung",)), "their scored labels differ: only 'unet' has .* label heart"),
        (run("vq", declining(0.01, 2), seed=5), "their seeds differ: only '.*' has .*seed"),
        (run("vq", declining(0.01, 2), parameters='{"k": 2}'), "their noise parameters differ"),
        (run("vq", declining(0.01, 2), unit="mm"), "their scored labels differ: only '.*' has .* metric dice"),
        (
            [one for one in run("vq", declining(0.01, 2)) if one.draw == 0],
            "their draws differ: only 'unet' has .* draw 1",
        ),
    ],
)
def test_runs_that_saw_other_things_are_not_paired_and_it_is_said_where(other, sentence):
    with pytest.raises(RequestError, match=sentence):
        compare(frame(run("unet", declining(0.02, 1)) + other), "unet")


def test_a_baseline_that_is_unknown_or_alone_is_refused():
    rows = frame(run("unet", declining(0.02, 1)))

    with pytest.raises(RequestError, match="unknown model 'unett': did you mean unet"):
        compare(rows, "unett")
    with pytest.raises(RequestError, match="'unet' is the only model"):
        compare(rows, "unet")


def test_models_without_a_common_metric_are_refused():
    rows = run("unet", declining(0.02, 1)) + run("vq", declining(0.02, 1), metric="hd95", unit="mm")

    with pytest.raises(RequestError, match="'vq' and 'unet' have no metric in common"):
        compare(frame(rows), "unet")


def test_level_zero_may_stand_under_a_name_of_its_own():
    def clean(model: str, slope: float) -> list[Row]:
        noisy = run(model, declining(slope, 1), levels=(10.0, 30.0))
        return run(model, declining(slope, 1), noises=("clean",), levels=(0.0,)) + noisy

    table = compare(frame(clean("unet", 0.02) + clean("vq", 0.01)), "unet")

    line = table[table["perturbation"] == "clean"].iloc[0]
    assert (line["level"], line["p_holm"]) == (0, line["p"])
    assert table.loc[table["level"] > 0, "p_holm"].tolist() == [4 * 2 / 2**8] * 4


def test_one_name_for_two_trained_networks_is_refused():
    rows = frame(
        run("unet", declining(0.02, 1)) + run("vq", declining(0.01, 2)) + run("vq", declining(0.01, 3), training_seed=1)
    )

    with pytest.raises(RequestError, match=r"'vq' stands for 2 trained networks \(training seeds 0, 1\)"):
        compare(rows, "unet")
