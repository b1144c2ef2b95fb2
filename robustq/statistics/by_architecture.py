"""From rows to one line an architecture, whose sample are its trained networks."""

from collections.abc import Mapping

import pandas as pd

from robustq.errors import RequestError
from robustq.statistics.group_means import _CURVE, describe, group_means, summarise
from robustq.statistics.same_cases import check_alike, without_transfers

FEWEST_SEEDS = 3
"""Trained networks that a claim about an architecture needs."""


def summarise_by_architecture(
    frame: pd.DataFrame, architecture_of: Mapping[str, str], *, by_label: bool = False
) -> pd.DataFrame:
    """One table row an architecture: each trained network's mean over groups, then mean and sample sd over networks.

    The trained networks are the sample, not the groups: cases are never pooled across training seeds.

    Args:
        frame: rows of runs, with the columns of `robustq.results.rows.Row`.
        architecture_of: name of a model -> name of its architecture. Models that are not named are left out, and so
            are transferred attacks.
        by_label: keep the labels apart.

    Returns:
        architecture, perturbation, level, metric, unit (, label); `seeds`, `groups` behind each network, `mean`, `sd`,
        `missed`; `note`, which says where the seeds are too few for a claim about the architecture.

    Raises:
        RequestError: no model is named; two networks of one architecture have the same training seed, or were
            stressed with different cases, levels or draws.
    """
    frame = without_transfers(frame[frame["model"].isin(list(architecture_of))])
    if frame.empty:
        raise RequestError(f"none of the models {', '.join(architecture_of) or '(none given)'} stands in these rows")
    frame = frame.assign(architecture=frame["model"].map(dict(architecture_of)))
    for name, part in frame.groupby("architecture"):
        _check_seeds(str(name), part)
    networks = summarise(group_means(frame, by_label=by_label))
    networks = networks.assign(architecture=networks["model"].map(dict(architecture_of)))
    curve = ["architecture", *_CURVE[2:], *(["label"] if by_label else [])]
    rows = []
    for key, part in networks.groupby(curve, dropna=False):
        described = describe(part["mean"].to_numpy(float))
        seeds = described.size
        few = f"{seeds} of at least {FEWEST_SEEDS} training seeds: too few for a claim about the architecture."
        rows.append(
            {
                **dict(zip(curve, key, strict=True)),
                "seeds": seeds,
                "groups": part["groups"].min(),
                "mean": described.mean,
                "sd": described.sd,
                "missed": part["missed"].sum(),
                "note": "" if seeds >= FEWEST_SEEDS else few,
            }
        )
    return pd.DataFrame(rows)


def _check_seeds(architecture: str, frame: pd.DataFrame) -> None:
    networks = dict(list(frame.groupby(["model", "training_seed"], dropna=False)))
    named: dict[str, str] = {}
    for model, seed in networks:
        if str(seed) in named:
            raise RequestError(
                f"{named[str(seed)]!r} and {model!r}, both {architecture}, have the training seed {seed}: "
                "they are no two samples of training, leave one out"
            )
        named[str(seed)] = str(model)
    first, *others = networks.values()
    for other in others:
        check_alike(other, first)
