"""Tests models on the domain that they were trained on and on others (Table 2 of the paper)."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from robustq.data.joined import JoinedDataset
from robustq.data.open_dataset import Data, as_dataset
from robustq.errors import RequestError
from robustq.results.shift import Shift
from robustq.run.analyse import analyse
from robustq.run.open_models import Models
from robustq.run.progress import Progress
from robustq.run.stress import stress


def shift(
    models: Models,
    data: Data | Sequence[Data],
    *,
    noise: Sequence[str] = (),
    levels: Sequence[float] = (),
    draws: int | None = None,
    seed: int = 0,
    metrics: str = "dice,hd95",
    missing: str = "diagonal",
    split: str = "held-out",
    batch_size: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    executor: str = "local",
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> Shift:
    """Score every model in every domain, and say what it loses away from the domain that it was trained on.

    The run directory is that of a stress run and of an analysis, which can be read on their own.

    Args:
        models: as in `robustq.stress`; the models of one architecture that differ in their training seed are averaged.
        data: one dataset with several domains, or several datasets (a list or tuple of what `robustq.stress` takes as
            data), each a domain.
        noise: perturbations that simulate a shift of the training domain; none by default.
        levels: levels of the simulated shifts, in percent.
        draws: random realisations of a simulated shift for each case.
        seed: seed of the run.
        metrics: metrics as in `--metrics`.
        missing: policy for the distance to a missed structure.
        split: which cases are used; "held-out" leaves out the cases that any of the models was trained on.
        batch_size: images, or slices, for each forward pass.
        out: the run directory; by default a temporary one.
        device: device of the models.
        executor: where the batches of pieces are computed.
        on_progress: called before the first batch of pieces and after each batch.

    Raises:
        RequestError: the data have one domain and no shift is simulated; levels without noise or noise without levels;
            or as `robustq.stress`.
    """
    if bool(noise) != bool([level for level in levels if level > 0]):
        raise RequestError("a simulated shift takes perturbations and levels above 0: give both --noise and --levels")
    datasets = [as_dataset(one) for one in data] if isinstance(data, list | tuple) and _several(data) else None
    dataset = as_dataset(data) if datasets is None else datasets[0] if len(datasets) == 1 else JoinedDataset(datasets)
    if len({entry.domain for entry in dataset.entries}) < 2 and not noise:
        raise RequestError(
            f"{dataset.name} has one domain, so nothing is shifted: give --data twice, a folder of one folder for each "
            "domain, or --noise and --levels for a simulated shift"
        )
    shared: dict[str, Any] = {
        "seed": seed,
        "split": split,
        "batch_size": batch_size,
        "device": device,
        "executor": executor,
        "on_progress": on_progress,
    }
    run = stress(
        models,
        dataset,
        noise=noise or None,
        levels=[0, *levels],
        draws=draws,
        metrics=metrics,
        missing=missing,
        out=out,
        **shared,
    )
    with_vectors = any(run.codes()[model].used is not None for model in run.models)
    if not with_vectors:
        return Shift(run)
    return Shift(run, analyse(models, dataset, check="occupancy", out=run.directory.path, **shared))


def _several(data: Sequence[Any]) -> bool:
    """Whether a list or tuple holds datasets, and not the cases of one."""
    return bool(data) and all(isinstance(one, str) or hasattr(one, "entries") for one in data)
