"""How many draws a level needs, from the rows of its first draws (docs/definitions.md, `--draws auto`)."""

from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from robustq.request.draws import FIRST
from robustq.statistics.group_means import GROUP, scores

SHARE = 100
"""The variance of a mean over groups that comes from draws is at most one in so many of that between groups."""


def needed_draws(frame: pd.DataFrame, most: int) -> int:
    """The smallest number of draws from `FIRST` to `most` that the rule of `--draws auto` accepts, else `most`.

    The rule must hold for the mean of every model and for the mean difference of every pair of models. Labels that one
    of a pair has no value for are left out of the difference. Without rows, nothing has to hold.

    Args:
        frame: rows of runs, with the columns of `robustq.results.rows.Row`: those of one metric under one perturbation
            at one level, in the first `FIRST` draws.
        most: largest number of draws.
    """
    rows = scores(frame)
    wide = rows.pivot(index=[*GROUP, "case"], columns=["model", "label", "draw"], values="value").astype(float)
    models = list(dict.fromkeys(rows["model"]))
    if np.isinf(wide.to_numpy()).any():  # an infinite value has no variance
        return most
    curves = [wide[model] for model in models]
    curves += [wide[first] - wide[second] for first, second in combinations(models, 2)]
    groups = wide.groupby(level=list(GROUP)).ngroup().to_numpy()
    return max((_of_curve(curve, groups, most) for curve in curves), default=FIRST)


def _of_curve(curve: pd.DataFrame, groups: Int[np.ndarray, " cases"], most: int) -> int:
    """The number that one mean needs, from its values by case, and by label and draw."""
    by_draw = curve.T.groupby(level="draw").mean().T.to_numpy()
    has_value = ~np.isnan(by_draw).all(axis=1)
    if not has_value.any():
        return FIRST
    return int(enough_draws(*draw_and_group_variance(by_draw[has_value], groups[has_value]), most))


def draw_and_group_variance(
    values: Float[np.ndarray, "*studies cases draws"], groups: Int[np.ndarray, " cases"]
) -> tuple[Float[np.ndarray, "*studies"], Float[np.ndarray, "*studies"]]:
    """Variance of the mean over groups that one draw gives it, W, and that the sample of groups gives it, B.

    Args:
        values: value of each case in each draw, NaN where a draw has none.
        groups: number of the group of each case.

    Returns:
        W and B. W is NaN if a case has a value in a single draw; B is NaN if there is a single group.
    """
    counts = np.isfinite(values).sum(axis=-1)
    means = np.nansum(values, axis=-1) / counts
    squares = np.nansum((values - means[..., None]) ** 2, axis=-1)
    of_case = np.divide(squares, counts - 1, out=np.full(squares.shape, np.nan), where=counts > 1)
    member = groups == np.unique(groups)[:, None]
    number, sizes = len(member), member.sum(axis=1)
    share = member / sizes[:, None]
    within = (of_case @ (share**2).T).sum(axis=-1) / number**2
    group_means = means @ share.T
    between = group_means.var(axis=-1, ddof=1) / number if number > 1 else np.full(within.shape, np.nan)
    return np.asarray(within), np.asarray(between)


def enough_draws(
    within: Float[np.ndarray, "*studies"], between: Float[np.ndarray, "*studies"], most: int
) -> Int[np.ndarray, "*studies"]:
    """The smallest n from `FIRST` to `most` with W/n ≤ B/`SHARE`, else `most`; `FIRST` where W is 0.

    Args:
        within: W.
        between: B.
        most: largest number of draws.
    """
    candidates = np.arange(FIRST, most + 1)
    within, between = np.asarray(within)[..., None], np.asarray(between)[..., None]
    accepted = (within * SHARE <= between * candidates) | (within == 0)
    return np.asarray(np.where(accepted.any(axis=-1), candidates[accepted.argmax(axis=-1)], most))
