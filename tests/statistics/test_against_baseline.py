"""Models against a baseline, paired by group."""

import math
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from robustq.errors import RequestError
from robustq.results.rows import Row
from robustq.statistics import (
    compare,
    group_means,
    holm,
    paired_difference,
    smallest_attainable_p,
)
from rows import declining, frame, run


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
        "With 8 tests above level 0 and 8 groups in which the models differ, p (Holm) cannot fall below 0.0625, "
        "however large the difference is."
    ]
    assert clean["note"].unique().tolist() == [""]


def test_few_groups_get_an_interval_and_no_p():
    rows = frame(run("unet", declining(0.02, 1), groups=5) + run("vq", declining(0.01, 2), groups=5))

    table = compare(rows, "unet")

    assert table[["difference", "low", "high"]].notna().all(axis=None)
    assert table[["p", "p_holm"]].isna().all(axis=None)
    assert table["note"].str.contains("5 groups are too few for a test").all()


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
    assert "Left out: 1 of 8 groups, because one of the two models has no value there." in line["note"]


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
    assert table["note"].str.contains("Some distances are infinite, .* no difference and no test").all()


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


def test_perturbations_stand_in_the_order_of_the_rows_and_not_of_the_alphabet():
    rows = frame(run("unet", declining(0.02, 1)) + run("vq", declining(0.01, 2)))
    sorted_table = compare(rows, "unet")
    later = rows["perturbation"] == "gaussian"
    table = compare(pd.concat([rows[~later], rows[later]]), "unet")
    assert table["perturbation"].tolist() == ["poisson"] * 3 + ["gaussian"] * 3
    assert table["level"].tolist() == [0.0, 10.0, 30.0] * 2
    again = table.sort_values(["perturbation", "level"], ignore_index=True)
    pd.testing.assert_frame_equal(again, sorted_table)
