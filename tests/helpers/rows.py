"""From rows to tables and comparisons, on frames made by hand."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from robustq.results.rows import Row, to_table


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
