"""What models lose from level 0 on, compared with a baseline."""

import numpy as np
import pytest

from robustq.results.rows import Row
from robustq.statistics import audc, compare_robustness, group_means, paired_difference
from rows import declining, frame, run

LEVELS = np.array([0.0, 10.0, 30.0])


def _curves(rows, model: str, noise: str) -> np.ndarray:
    """Value of each group at each level, (G, levels)."""
    means = group_means(rows)
    means = means[(means["model"] == model) & (means["perturbation"] == noise)]
    return means.pivot(index="group", columns="level", values="value")[list(LEVELS)].to_numpy(float)


@pytest.fixture(scope="module")
def rows():
    return frame(run("unet", declining(0.02, 1)) + run("vq", declining(0.01, 2)))


def test_drop_and_audc_are_the_paired_differences_of_each_groups_own_drop_and_area(rows):
    table = compare_robustness(rows, "unet", seed=3).set_index(["perturbation", "measure"])

    for noise in ("gaussian", "poisson"):
        vq, unet = (_curves(rows, model, noise) for model in ("vq", "unet"))
        drops = paired_difference(vq[:, 0] - vq[:, -1], unet[:, 0] - unet[:, -1], seed=3)
        areas = [np.array([audc(LEVELS, curve) for curve in side]) for side in (vq, unet)]
        area = paired_difference(*areas, seed=3)
        for measure, expected in (("drop", drops), ("audc", area)):
            line = table.loc[(noise, measure)]
            assert (line["groups"], line["level"]) == (8, 30)
            assert [line["difference"], line["low"], line["high"]] == pytest.approx(
                [expected.estimate, expected.low, expected.high]
            )
    clean = table.loc[("gaussian", "clean")]
    assert clean["value"] == pytest.approx(_curves(rows, "vq", "gaussian")[:, 0].mean())


def test_retention_is_a_ratio_of_means_in_every_resample(rows):
    table = compare_robustness(rows, "unet", seed=5, resamples=500).set_index(["perturbation", "measure"])

    vq, unet = (_curves(rows, model, "gaussian") for model in ("vq", "unet"))
    generator = np.random.default_rng(5)
    resampled = []
    for _ in range(500):
        chosen = generator.integers(8, size=8)
        ratios = [side[chosen, -1].mean() / side[chosen, 0].mean() for side in (vq, unet)]
        resampled.append(ratios[0] - ratios[1])
    line = table.loc[("gaussian", "retention")]
    assert line["value"] == pytest.approx(vq[:, -1].mean() / vq[:, 0].mean())
    assert line["difference"] == pytest.approx(
        vq[:, -1].mean() / vq[:, 0].mean() - unet[:, -1].mean() / unet[:, 0].mean()
    )
    # The expanded percentile: both ends lie a little outside the plain 95 % quantiles, and within the resamples.
    plain = np.quantile(resampled, [0.025, 0.975])
    assert min(resampled) <= line["low"] <= plain[0]
    assert plain[1] <= line["high"] <= max(resampled)


def test_over_all_perturbations_each_counts_once(rows):
    table = compare_robustness(rows, "unet").set_index(["perturbation", "measure"])

    for measure in ("clean", "drop", "retention", "audc"):
        whole, *parts = (table.loc[(name, measure)] for name in ("all", "gaussian", "poisson"))
        for column in ("value", "baseline_value", "difference"):
            assert whole[column] == pytest.approx(np.mean([part[column] for part in parts]))
        assert whole["perturbations"] == 2
    both = [
        np.mean([curves[:, 0] - curves[:, -1] for curves in (_curves(rows, model, name) for name in NOISES)], axis=0)
        for model in ("vq", "unet")
    ]
    expected = paired_difference(*both)
    assert [table.loc[("all", "drop")][end] for end in ("low", "high")] == pytest.approx([expected.low, expected.high])


NOISES = ("gaussian", "poisson")


def test_a_model_compared_with_itself_differs_by_nothing(rows):
    twice = frame(run("unet", declining(0.02, 1)) + run("twin", declining(0.02, 1)))

    table = compare_robustness(twice, "unet")

    assert not table[["difference", "low", "high"]].to_numpy().any()


def test_a_distance_that_grows_is_a_drop_above_zero_and_has_no_retention():
    grown = [
        Row(**{**vars(one), "metric": "hd95", "unit": "mm"})
        for model, slope in (("unet", -0.3), ("vq", -0.1))
        for one in run(model, declining(slope, 4))
    ]

    table = compare_robustness(frame(grown), "unet", higher_is_better=False)

    assert set(table["measure"]) == {"clean", "drop"}
    drops = table[table["measure"] == "drop"]
    assert (drops["value"] > 0).all()
    assert (drops["high"] < 0).all()


def test_a_group_without_a_value_at_one_level_is_left_out_and_an_infinite_one_leaves_no_value():
    def lacking(group: int, noise: str, level: float, label: str, draw: int) -> float | None:
        lost = group == 0 and noise == "gaussian" and level == 10
        return None if lost else declining(0.01, 2)(group, noise, level, label, draw)

    def endless(group: int, noise: str, level: float, label: str, draw: int) -> float | None:
        return np.inf if group == 0 and level == 30 else declining(0.01, 2)(group, noise, level, label, draw)

    base = run("unet", declining(0.02, 1))
    lacked = compare_robustness(frame(base + run("vq", lacking)), "unet").set_index(["perturbation", "measure"])
    infinite = compare_robustness(frame(base + run("vq", endless)), "unet")

    assert [lacked.loc[(name, "drop")]["groups"] for name in ("gaussian", "poisson", "all")] == [7, 8, 7]
    assert infinite["difference"].isna().all()


def test_level_zero_alone_gives_no_comparison():
    rows = frame(run("unet", declining(0, 1), levels=(0.0,)) + run("vq", declining(0, 2), levels=(0.0,)))

    assert compare_robustness(rows, "unet").empty
