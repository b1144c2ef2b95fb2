"""Rank correlations of agreement and loss, against scipy and a bootstrap written out here."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr, t

from robustq.statistics.agreement_and_loss import agreement_and_loss


def rows(agreement: list[float], lost: list[float]) -> pd.DataFrame:
    """Rows of one model at levels 0 and 10, a case for each pair."""
    records = []
    for case, (agrees, loss) in enumerate(zip(agreement, lost, strict=True)):
        values = [(0.0, "dice", 0.9), (10.0, "dice", 0.9 - loss), (10.0, "agreement_dice", agrees)]
        records += [
            {"level": level, "metric": metric, "value": value, "case": f"{case}", "group": f"{case}"}
            for level, metric, value in values
        ]
    return pd.DataFrame(records).assign(
        model="vq", perturbation="gaussian", dataset="own", domain="", draw=0, label="lung"
    )


def test_correlation_and_interval_are_those_of_a_bootstrap_by_hand() -> None:
    agreement, lost = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], [0.1, 0.3, 0.2, 0.0, 0.5, 0.4, 0.7, 0.6]
    (found,) = agreement_and_loss(rows(agreement, lost), "agreement_dice")
    # Expanded percentile bootstrap (Hesterberg 2015), as docs/definitions.md states it.
    chosen = np.random.default_rng(0).integers(8, size=(2000, 8))
    estimates = [spearmanr(np.array(agreement)[one], np.array(lost)[one]).statistic for one in chosen]
    end = norm.cdf(-math.sqrt(8 / 7) * t.ppf(0.975, 7))
    assert found.correlation == pytest.approx(spearmanr(agreement, lost).statistic)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(estimates, [end, 1 - end])))


def test_a_perfect_order_has_no_interval_because_every_resample_is_perfect_too() -> None:
    (found,) = agreement_and_loss(rows([0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]), "agreement_dice")
    assert found.correlation == pytest.approx(-1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
