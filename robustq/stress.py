"""Plan, evaluate, store: the stress run."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast, get_args

import torch

from robustq import registry
from robustq.bundle import load
from robustq.dataset import AbstractDataset, Entry, open_dataset
from robustq.demonstration import demonstration_pair
from robustq.errors import RequestError, unknown
from robustq.evaluate import Evaluator
from robustq.levels import check_levels
from robustq.metric import Missing, parse_metrics
from robustq.perturbation import AbstractPerturbation
from robustq.plan import plan
from robustq.predict import choose_device, choose_precision
from robustq.prepared import PreparedCases
from robustq.rows import Row
from robustq.run import Run
from robustq.segmenter import Segmenter
from robustq.spec import adopt_labels
from robustq.store import RunDirectory

SPLITS = ("held-out", "train", "val", "test", "all")
BATCH = {2: 16, 3: 2}
"""Images, or volumes, a forward pass where nothing else is asked."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: pieces done of all, and those that an earlier, killed run had done."""

    done: int
    total: int
    resumed: int


def stress(
    models: Mapping[str, Segmenter | str | os.PathLike[str]] | Sequence[str | os.PathLike[str]] | None = None,
    data: AbstractDataset | str = "phantom",
    *,
    noise: Sequence[str] = ("gaussian",),
    levels: Sequence[float] = (0, 1, 10, 20, 30),
    draws: int = 10,
    seed: int = 0,
    metrics: str = "dice",
    missing: str = "diagonal",
    split: str = "held-out",
    compat: str | None = None,
    clip: bool = False,
    batch_size: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    noise_device: str = "cpu",
    precision: str = "fp32",
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> Run:
    """Show every model the same perturbed cases at graded levels, and measure its answers.

    Args:
        models: bundles, named by their file names; or segmenters and bundles by name. Without, the bundled
            demonstration pair.
        data: a dataset or the text of `--data`; the built-in phantom by default.
        noise: perturbations by name.
        levels: percent, 0 to 100. Level 0 is always run, once a case.
        draws: random realisations of each perturbation at each level above 0.
        seed: of the run; every draw's seed follows from it, the case, the perturbation and the draw's number.
        metrics: as in `--metrics`, for example "dice,hd95,nsd@2mm".
        missing: what the distance to a missed structure is: "diagonal", "inf" or "drop".
        split: "held-out" leaves out the cases that any of the models was trained on; or the cases of a declared split;
            or all.
        compat: "paper-code" takes the noise formulas of the paper's published code.
        clip: bring perturbed values back into the intensity range.
        batch_size: images, or slices, a forward pass; 16 in 2D and 2 in 3D by default.
        out: the run directory. A run that was killed there goes on. Without, a temporary directory that lives as long
            as the returned run.
        device: of the models.
        noise_device: "cpu", or "cuda" for another stream of noise.
        precision: of the forward passes: "fp32", "bf16", "fp16" or "auto".
        on_progress: told after each batch of pieces.

    Returns:
        The run, with a table, a figure and all rows.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
    """
    names = list(dict.fromkeys(registry.canonical("perturbations", name) for name in noise))
    if not names:
        raise RequestError("no perturbation was named: give one or more, such as gaussian")
    levels = check_levels(levels)
    if draws < 1:
        raise RequestError(f"draws={draws} was asked: give 1 or more")
    if batch_size is not None and batch_size < 1:
        raise RequestError(f"batch_size={batch_size} was asked: give 1 or more")
    if missing not in get_args(Missing):
        raise unknown("missing policy", missing, get_args(Missing))
    chosen_metrics = parse_metrics(metrics)
    dataset = open_dataset(data) if isinstance(data, str) else data
    segmenters = _open_models(models, dataset)
    preparation = next(iter(segmenters.values())).spec.preparation
    entries = _choose(dataset, segmenters, split)

    place = choose_device(device)
    for model in segmenters.values():
        model.to(place).eval()
    perturbations: dict[str, AbstractPerturbation] = {
        name if compat is None else f"{compat}:{name}": registry.load("perturbations", name, compat=compat)()
        for name in names
    }
    cases = PreparedCases(dataset, preparation)
    good = cases.check(entries)
    for metric in chosen_metrics.values():
        metric.unit(cases(good[0]).unit)  # refuses a tolerance in mm on px data
    batch_size = batch_size or BATCH[preparation.dims]
    batches = plan([entry.id for entry in good], list(perturbations), levels, draws=draws, batch_size=batch_size)

    directory = RunDirectory(tempfile.mkdtemp(prefix="robustq-") if out is None else out)
    asked = {
        "perturbations": list(perturbations),
        "levels": list(levels),
        "draws": draws,
        "seed": seed,
        "metrics": list(chosen_metrics),
        "missing": missing,
        "split": split,
        "clip": clip,
        "batch_size": batch_size,
        "noise_device": noise_device,
        "precision": choose_precision(precision, place),
        "models": [_describe(name, model) for name, model in segmenters.items()],
        "data": _describe_data(dataset, good, cases.failures),
    }
    directory.begin({"asked": asked, "plan": batches, "device": str(place), "versions": _versions()})
    evaluator = Evaluator(
        models=segmenters,
        cases=cases,
        entries={entry.id: entry for entry in good},
        perturbations=perturbations,
        metrics=chosen_metrics,
        seed=seed,
        batch_size=batch_size,
        missing=cast(Missing, missing),
        noise_device=noise_device,
        precision=choose_precision(precision, place),
        clip=clip,
    )
    total, done, resumed = sum(map(len, batches)), 0, 0
    for number, batch in enumerate(batches):
        done += len(batch)
        if directory.has(number):
            resumed += len(batch)
        else:
            directory.write(number, evaluator(batch))
        on_progress(Progress(done, total, resumed))
    directory.write(len(batches), _failed(segmenters, dataset, entries, cases.failures))
    directory.compact()
    run = Run(directory.path, temporary=out is None)
    directory.summarise(run.summary())
    return run


def _open_models(
    models: Mapping[str, Segmenter | str | os.PathLike[str]] | Sequence[str | os.PathLike[str]] | None,
    dataset: AbstractDataset,
) -> dict[str, Segmenter]:
    """The segmenters by name, refused where they cannot be compared."""
    if models is None:
        models = demonstration_pair()
    if not isinstance(models, Mapping):
        named = {Path(path).stem: path for path in models}
        if len(named) < len(models):
            raise RequestError(f"two models have the same file name ({', '.join(map(str, models))}): rename one")
        models = named
    if not models:
        raise RequestError("no model was given: name one or more bundles")
    opened = {}
    for name, model in models.items():
        segmenter = model if isinstance(model, Segmenter) else load(model)
        segmenter.spec = adopt_labels(segmenter.spec, dataset)
        opened[name] = segmenter
    first, *others = opened.items()
    for name, model in others:
        differences = first[1].spec.preparation.differences(model.spec.preparation)
        if differences:
            raise RequestError(
                f"{first[0]} and {name} prepare their cases differently ({'; '.join(differences)}), so their figures "
                "cannot stand side by side: stress them in runs of their own"
            )
    return opened


def _choose(dataset: AbstractDataset, models: Mapping[str, Segmenter], split: str) -> list[Entry]:
    """The cases to score."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    entries = list(dataset.entries)
    if split == "all":
        return entries
    if split == "held-out":
        seen = {case for model in models.values() for case in (model.spec.training or {}).get("training_cases", ())}
        kept = [entry for entry in entries if not seen or dataset.fingerprint(entry) not in seen]
        if not kept:
            raise RequestError(
                f"all {len(entries)} cases of {dataset.name} were seen in training by one of the models: give other "
                "data, or --split all and say so"
            )
        return kept
    kept = [entry for entry in entries if entry.split == split]
    if not kept:
        raise RequestError(f"{dataset.name} declares no case of the split {split!r}: leave --split at held-out")
    return kept


def _describe(name: str, model: Segmenter) -> dict[str, Any]:
    """What `run.json` says about a model."""
    digest = sha256()
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return {"name": name, "weights": digest.hexdigest()[:16], "spec": model.spec.to_dict()}


def _describe_data(dataset: AbstractDataset, good: list[Entry], failures: Mapping[str, str]) -> dict[str, Any]:
    cases = [
        {"id": entry.id, "group": entry.group, "domain": entry.domain, "fingerprint": dataset.fingerprint(entry)}
        for entry in good
    ]
    return {"name": dataset.name, "cases": cases, "failures": dict(failures)}


def _versions() -> dict[str, str]:
    return {library: version(library) for library in ("robustq", "torch", "numpy", "scipy", "torchio")}


def _failed(
    models: Mapping[str, Segmenter], dataset: AbstractDataset, entries: list[Entry], failures: Mapping[str, str]
) -> list[Row]:
    """One row a model for each case that could not be used."""
    return [
        Row(
            model=name,
            dataset=dataset.name,
            domain=entry.domain,
            case=entry.id,
            group=entry.group,
            perturbation="clean",
            level=0.0,
            parameters="{}",
            draw=0,
            seed=None,
            training_seed=model.spec.seed if model.spec.training else None,
            label="",
            metric="",
            value=None,
            status="failed",
            reason=failures[entry.id],
        )
        for entry in entries
        if entry.id in failures
        for name, model in models.items()
    ]
