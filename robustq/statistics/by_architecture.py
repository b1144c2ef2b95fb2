"""Summarises rows by architecture; the sample of an architecture is its trained networks."""

from collections.abc import Mapping

import pandas as pd

from robustq.errors import RequestError
from robustq.statistics.group_means import CURVE, describe, group_means, summarise
from robustq.statistics.same_cases import check_alike, without_transfers

FEWEST_SEEDS = 3
"""Smallest number of trained networks for a claim about an architecture."""


def summarise_by_architecture(
    frame: pd.DataFrame, architecture_of: Mapping[str, str], *, by_label: bool = False
) -> pd.DataFrame:
    """Average each trained network over groups, then take mean and sample sd over the networks of an architecture.

    The trained networks are the sample, not the groups: cases are never pooled across training seeds.

    Args:
        frame: rows of runs, with the columns of `robustq.results.rows.Row`.
        architecture_of: for the name of a model, the name of its architecture. Models without an entry are left out,
            and so are transferred attacks.
        by_label: keep the labels apart.

    Returns:
        One row for each curve and level, with the perturbations in the order of `frame`, and the columns architecture,
        perturbation, level, metric, unit (, label); `seeds`, the number of networks that have a value; `groups`, the
        smallest number of groups behind one of them; `mean`, `sd`, `missed`, `unanswered`; and `note`, which
        says so if the seeds are too few for a claim about the architecture.

    Raises:
        RequestError: none of the named models is in the rows; two networks of one architecture have the same training
            seed, or were stressed with different cases, levels or draws.
    """
    frame = without_transfers(frame[frame["model"].isin(list(architecture_of))])
    if frame.empty:
        raise RequestError(
            f"none of the models {', '.join(architecture_of) or '(none given)'} is in these rows: "
            "name models of the run"
        )
    frame = frame.assign(architecture=frame["model"].map(dict(architecture_of)))
    for name, rows_of_architecture in frame.groupby("architecture"):
        _check_seeds(str(name), rows_of_architecture)
    networks = summarise(group_means(frame, by_label=by_label))
    networks = networks.assign(architecture=networks["model"].map(dict(architecture_of)))
    curve = ["architecture", *CURVE[2:], *(["label"] if by_label else [])]
    rows = []
    for key, sample in networks.groupby(curve, dropna=False):
        described = describe(sample["mean"].to_numpy(float))
        seeds = described.size
        few = (
            f"{key[0]}: {seeds} training seed{'' if seeds == 1 else 's'}, too few for a claim about an architecture, "
            f"which needs at least {FEWEST_SEEDS}."
        )
        rows.append(
            {
                **dict(zip(curve, key, strict=True)),
                "seeds": seeds,
                "groups": sample["groups"].min(),
                "mean": described.mean,
                "sd": described.sd,
                "missed": sample["missed"].sum(),
                "unanswered": sample["unanswered"].sum(),
                "note": "" if seeds >= FEWEST_SEEDS else few,
            }
        )
    order = {name: place for place, name in enumerate(frame["perturbation"].unique())}
    return pd.DataFrame(rows).sort_values(
        ["architecture", "perturbation"],
        key=lambda column: column.map(order) if column.name == "perturbation" else column,
        kind="stable",
        ignore_index=True,
    )


def _check_seeds(architecture: str, frame: pd.DataFrame) -> None:
    networks = dict(list(frame.groupby(["model", "training_seed"], dropna=False)))
    model_of_seed: dict[str, str] = {}
    for model, seed in networks:
        if str(seed) in model_of_seed:
            raise RequestError(
                f"{model_of_seed[str(seed)]!r} and {model!r}, both {architecture}, have the same training seed {seed}, "
                "so they are not two samples of training: leave one out"
            )
        model_of_seed[str(seed)] = str(model)
    first, *others = networks.values()
    for network in others:
        check_alike(network, first)
