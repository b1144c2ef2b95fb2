"""Reads a MONAI bundle: its network, its weights, its labels, and the preparation of its cases."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustq.data.mask_values import Labels
from robustq.data.patches import check_windows
from robustq.data.preparation import RGB, Preparation
from robustq.errors import RequestError
from robustq.model.pretrained import Trained, read_json, whole_number
from robustq.network.output_masks import count_labels, default_answer, numbered_labels
from robustq_monai.classes import network_class
from robustq_monai.configuration import Configuration
from robustq_monai.transforms import translated

PREPROCESSING = ("preprocessing", "validate::preprocessing", "train::preprocessing")
POSTPROCESSING = ("postprocessing", "validate::postprocessing", "train::postprocessing")
FIELDS = ("labels", "ignore", "size", "spacing", "crop", "patch", "normalise", "window", "mean_std")
"""Fields of a preparation that a bundle may leave open."""

USUAL = {"sigma_scale": 0.125, "padding_mode": "constant", "cval": 0.0}
"""Settings of MONAI's sliding window that robustq has too, with the values that it has."""


def read_bundle(folder: Path, *, trust: bool) -> Trained:
    """Read a bundle.

    Args:
        folder: the folder with configs/inference.json (or .yaml, or train.json), configs/metadata.json and
            models/model.pt.
        trust: whether expressions in the configuration may be evaluated. Without it, nothing in the folder runs.

    Raises:
        RequestError: the folder cannot be used; its network is not one of MONAI; or it is described by an expression,
            and the folder is not trusted.
    """
    configuration = Configuration(folder, trust=trust)
    name, settings, (dims, in_channels, classes) = _network(configuration)
    metadata = folder / "configs" / "metadata.json"
    described = read_json(metadata, "MONAI") if metadata.is_file() else {}
    answer = _answer(configuration, classes)
    labels, labelled = _labels(described, classes, answer)
    fields, remarks = translated(_transforms(configuration, PREPROCESSING), in_channels)
    windows, window_remarks = _inferer(configuration, dims)
    fields |= windows
    preparation = Preparation(dims=dims, channels=in_channels, labels=labels, **{"normalise": "none", **fields})
    given = {*fields, *(("labels",) if labelled else ())}
    for together in (("size", "spacing"), ("normalise", "window", "mean_std")):
        if given & set(together):
            given |= set(together)
    return Trained(
        architecture="monai",
        arguments={"net": name, **settings},
        dims=dims,
        in_channels=in_channels,
        classes=classes,
        answer=answer,
        preparation=preparation,
        checkpoint=folder / "models" / "model.pt",
        remarks=(*remarks, *window_remarks),
        unsaid=(*(field for field in FIELDS if field not in given), *(("grey_to_rgb",) if in_channels == RGB else ())),
    )


def _network(configuration: Configuration) -> tuple[str, dict[str, Any], tuple[int, int, int]]:
    """The class of the network, its settings, and its numbers of spatial axes, image channels and output channels."""
    definition = configuration.find("network_def", "net_def", "network")
    if not isinstance(definition, Mapping) or not isinstance(definition.get("_target_"), str):
        raise RequestError(
            f"{configuration.file} has no network_def with a _target_: give a bundle whose network_def names a class "
            "of monai.networks.nets"
        )
    factory, names = network_class(definition["_target_"])
    settings = configuration.resolved({name: value for name, value in definition.items() if name != "_target_"})
    settings = {name: value for name, value in settings.items() if not name.startswith("_")}
    if _names_a_class(settings) or not _is_json(settings):
        raise RequestError(
            f"network_def in {configuration.file} has settings that are objects, not numbers, words or lists: build "
            "the network in a file of your own (--model-file FILE.py:FUNCTION)"
        )
    settings = json.loads(json.dumps(settings))
    parameters = inspect.signature(factory).parameters
    sizes = [settings.pop(name, parameters[name].default) for name in names]
    dims, in_channels, classes = (
        whole_number(size, name, configuration.file) for size, name in zip(sizes, names, strict=True)
    )
    settings.pop("pretrained", None)  # the bundle has the weights, so none are downloaded
    return factory.__name__, settings, (dims, in_channels, classes)


def _names_a_class(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "_target_" in value or any(map(_names_a_class, value.values()))
    return isinstance(value, list) and any(map(_names_a_class, value))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _transforms(configuration: Configuration, places: tuple[str, ...]) -> list[Any]:
    """The transforms of a pipeline; of those that contain an expression, the names alone."""
    pipeline = configuration.find(*places)
    try:
        if isinstance(pipeline, str):
            pipeline = configuration.resolved(pipeline)
        transforms = pipeline.get("transforms", [pipeline]) if isinstance(pipeline, Mapping) else pipeline or []
        if isinstance(transforms, str):
            transforms = configuration.resolved(transforms)
    except RequestError:
        return [f"its pipeline {places[0]}"]
    return [_readable(configuration, transform) for transform in (transforms if isinstance(transforms, list) else [])]


def _readable(configuration: Configuration, transform: Any) -> Any:
    if isinstance(transform, Mapping):
        # Where a case is computed and what is stored beside it says nothing about its values.
        transform = {name: value for name, value in transform.items() if name not in ("device", "dtype", "meta_keys")}
    try:
        return configuration.resolved(transform)
    except RequestError:
        name = transform.get("_target_") if isinstance(transform, Mapping) else transform
        return str(name).rpartition(".")[2]


def _answer(configuration: Configuration, classes: int) -> str:
    """How outputs become masks, as the bundle's own transforms of the prediction do it."""
    for transform in _transforms(configuration, POSTPROCESSING):
        if isinstance(transform, Mapping):
            if transform.get("sigmoid") is True:
                return "sigmoid"
            if (transform.get("softmax") is True or transform.get("argmax") is True) and classes > 1:
                return "softmax"
    return default_answer(classes)


def _labels(described: Mapping[str, Any], classes: int, answer: str) -> tuple[Labels, bool]:
    """The labels, and whether metadata.json names them and says which values of a mask they are."""
    count = count_labels(classes, answer)
    value: Any = described
    for step in ("network_data_format", "outputs", "pred", "channel_def"):
        value = value.get(step) if isinstance(value, Mapping) else None
    names = [value.get(str(channel)) for channel in range(classes)] if isinstance(value, Mapping) else []
    scored = [name for name in names[len(names) - count :] if isinstance(name, str)]
    if len(names) != classes or len(set(scored)) != count:
        return numbered_labels(count), False
    # With a sigmoid, a channel may be a region, the union of several values, which the bundle does not list.
    return tuple(enumerate(scored, start=1)), answer == "softmax"


def _inferer(configuration: Configuration, dims: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The patch and the windows of a network that answers by sliding window, or a remark on them."""
    inferer = configuration.find("inferer", "validate::inferer")
    if not isinstance(inferer, Mapping) or "SlidingWindow" not in str(inferer.get("_target_")):
        return {}, ()
    try:
        extents = configuration.resolved(inferer.get("roi_size"))
        overlap = configuration.resolved(inferer.get("overlap", 0.25))
        weights = configuration.resolved(inferer.get("mode", "constant"))
        others = {name: configuration.resolved(inferer.get(name, value)) for name, value in USUAL.items()}
        extents = [extents] * dims if isinstance(extents, int) else list(extents)
        overlaps = {float(share) for share in (overlap if isinstance(overlap, list) else [overlap])}
        if len(extents) != dims or min(extents) < 1 or len(overlaps) != 1 or others != USUAL:
            raise ValueError
        windows = f"{weights}:{overlaps.pop():g}"
        check_windows(windows)
    except (RequestError, TypeError, ValueError):
        words = ", ".join(f"{name} {value}" for name, value in inferer.items() if name != "_target_")
        return {}, (f"MONAI shows it windows (SlidingWindowInferer with {words}), here it is shown whole cases",)
    return {"patch": tuple(extents), "windows": windows}, ()
