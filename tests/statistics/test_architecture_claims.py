"""Claims about architectures: what is paired, what is corrected, and when a claim holds."""

import numpy as np
import pandas as pd
import pytest

from robustq.errors import RequestError
from robustq.statistics import audc, claims_about_architectures, group_means, holm
from robustq.statistics.crossed import crossed_mean
from rows import declining, frame, run

LEVELS = [0.0, 10.0, 30.0]


def rows(seeds: int, *, slope: float = 0.01, groups: int = 8) -> tuple[pd.DataFrame, dict[str, str]]:
    made, architecture_of = [], {}
    for seed in range(seeds):
        for architecture, its_slope in (("plain", 0.02), ("vq", slope)):
            name = f"{architecture}-{seed}"
            made += run(name, declining(its_slope, 10 * seed + len(architecture)), training_seed=seed, groups=groups)
            architecture_of[name] = architecture
    return frame(made), architecture_of


def curves(table: pd.DataFrame, model: str, noise: str) -> np.ndarray:
    means = group_means(table)
    means = means[(means["model"] == model) & (means["perturbation"] == noise)]
    return means.pivot(index="group", columns="level", values="value")[LEVELS].to_numpy(float)


def test_a_claim_is_the_crossed_mean_of_each_seeds_paired_differences() -> None:
    table, architecture_of = rows(3)
    claims = claims_about_architectures(table, architecture_of, "plain").set_index(["perturbation", "measure"])
    for noise in ("gaussian", "poisson"):
        pairs = [(curves(table, f"vq-{seed}", noise), curves(table, f"plain-{seed}", noise)) for seed in range(3)]
        for measure, figure in (
            ("clean", lambda curve: curve[:, 0]),
            ("drop", lambda curve: curve[:, 0] - curve[:, -1]),
            ("audc", lambda curve: np.array([audc(np.array(LEVELS), values) for values in curve])),
        ):
            expected = crossed_mean(np.array([figure(vq) - figure(plain) for vq, plain in pairs]))
            line = claims.loc[(noise, measure)]
            assert (line["seeds"], line["groups"]) == (3, 8)
            assert [line["difference"], line["low"], line["high"], line["p"]] == pytest.approx(
                [expected.estimate, expected.low, expected.high, expected.p]
            )
    parts = [claims.loc[(noise, "drop")]["difference"] for noise in ("gaussian", "poisson")]
    assert claims.loc[("all", "drop")]["difference"] == pytest.approx(np.mean(parts))


def test_the_mean_over_perturbations_leaves_out_those_that_are_not_to_be_averaged() -> None:
    table, architecture_of = rows(3)
    attack = table[table["perturbation"] == "gaussian"].assign(perturbation="pgd")
    attack["value"] /= 1 + attack["level"]
    attacked = pd.concat([table, attack], ignore_index=True)
    noises = ["gaussian", "poisson"]
    claims = claims_about_architectures(attacked, architecture_of, "plain", averaged=noises)
    without = claims_about_architectures(table, architecture_of, "plain")
    keys = ["perturbation", "measure"]
    figures = ["difference", "low", "high", "p"]
    assert "pgd" in set(claims["perturbation"])
    whole, expected = (one[one["perturbation"] == "all"].set_index(keys)[figures] for one in (claims, without))
    pd.testing.assert_frame_equal(whole, expected)
    alone = claims_about_architectures(attacked, architecture_of, "plain", averaged=["gaussian"])
    assert "all" not in set(alone["perturbation"])


def test_holm_counts_every_line() -> None:
    claims = claims_about_architectures(*rows(3), "plain")
    assert len(claims) == 9
    assert list(claims["p_holm"]) == pytest.approx(list(holm(claims["p"].to_numpy())))


def test_a_clear_difference_holds_and_a_difference_of_noise_depends() -> None:
    for seeds in (3, 5):
        clear = claims_about_architectures(*rows(seeds, slope=0.01), "plain").set_index(["perturbation", "measure"])
        assert clear.loc[("gaussian", "drop")]["verdict"] == "holds"
        assert clear.loc[("gaussian", "drop")]["difference"] == pytest.approx(-0.3, abs=0.02)
        assert clear.loc[("gaussian", "clean")]["verdict"] == "depends"


def test_with_three_seeds_one_that_disagrees_makes_a_claim_depend() -> None:
    made, architecture_of = [], {}
    for seed, slope in enumerate((0.010, 0.011, 0.0205)):
        for architecture, its_slope in (("plain", 0.02), ("vq", slope)):
            name = f"{architecture}-{seed}"
            made += run(name, declining(its_slope, 10 * seed + len(architecture)), training_seed=seed)
            architecture_of[name] = architecture
    claims = claims_about_architectures(frame(made), architecture_of, "plain").set_index(["perturbation", "measure"])
    assert claims.loc[("gaussian", "drop")]["verdict"] == "depends"


def test_one_seed_supports_no_claim() -> None:
    claims = claims_about_architectures(*rows(1), "plain")
    assert set(claims["verdict"]) == {"depends"}
    assert claims["low"].isna().all()


def test_a_distance_has_no_audc_and_its_drop_is_what_it_rises() -> None:
    table, architecture_of = rows(2)
    table = table.assign(metric="hd95", unit="mm", value=10 - table["value"])
    claims = claims_about_architectures(table, architecture_of, "plain", higher_is_better=False)
    assert set(claims["measure"]) == {"clean", "drop"}
    drop = claims.set_index(["perturbation", "measure"]).loc[("gaussian", "drop")]
    assert drop["difference"] < 0


def test_what_cannot_be_paired_is_refused() -> None:
    table, architecture_of = rows(2)
    with pytest.raises(RequestError, match="architecture"):
        claims_about_architectures(table, architecture_of, "unet")
    with pytest.raises(RequestError, match="same training seed 0"):
        claims_about_architectures(table.assign(training_seed=0), architecture_of, "plain")
    apart = table.assign(training_seed=table["training_seed"] + 10 * table["model"].str.startswith("vq"))
    with pytest.raises(RequestError, match="no training seed in common"):
        claims_about_architectures(apart, architecture_of, "plain")
    with pytest.raises(RequestError, match="only architecture"):
        claims_about_architectures(table[table["model"].str.startswith("plain")], architecture_of, "plain")
