"""Translates nnU-Net's plans and dataset.json into robustq's settings and preparation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnunetv2.utilities.label_handling.label_handling import LabelManager, determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

from robustq.data.mask_values import MaskValue
from robustq.data.patches import NNUNET
from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq_nnunet.networks import NETWORKS

PICTURES = "NaturalImage2DIO"
"""nnU-Net's reader of pictures such as PNG: the axes are the picture's, and there is no spacing."""

PREPARED = (
    "trained in nnU-Net; prepared here without its crop to the nonzero region, its spline resampling and its "
    "mirroring, so its Dice may differ from nnU-Net's own"
)


@dataclass(frozen=True)
class Planned:
    """One configuration of nnU-Net in robustq's terms.

    Labels, channels, spacing and the order of axes are translated. So are these normalisations: z-score, none, and the
    rescaling of each image to [0, 1], if all channels have the same one; RGB to [0, 1]; and CT with one channel. With
    any other mixture, images are taken as they are, and a remark says so. A z-score over the nonzero region becomes a
    z-score over the whole image, with a remark. The patch size is the plans'; windows are placed and blended as
    nnU-Net's predictor does. The crop to the nonzero region, spline interpolation and test-time mirroring have no
    counterpart in robustq.

    A region becomes a label that is the union of its mask values, with its own sigmoid. nnU-Net's order of painting
    regions over each other does not matter here, because masks may overlap.

    Attributes:
        arguments: settings of the architecture `nnunet`.
        dims: number of spatial axes.
        in_channels: image channels.
        classes: output channels.
        answer: softmax, or sigmoid for regions.
        preparation: preparation of cases, as far as it can be translated.
        remarks: remarks on what cannot be translated.
    """

    arguments: dict[str, Any]
    dims: int
    in_channels: int
    classes: int
    answer: str
    preparation: Preparation
    remarks: tuple[str, ...]


def planned(plans: PlansManager, configuration: ConfigurationManager, dataset: Mapping[str, Any]) -> Planned:
    """Translate a configuration of the plans for a dataset.

    Raises:
        RequestError: the configuration is the second stage of a cascade, or its network is not one of `NETWORKS`.
    """
    if configuration.previous_stage_name is not None:
        raise RequestError(
            "this is the second stage of a cascade, which needs the segmentation of "
            f"{configuration.previous_stage_name} as an image channel: choose a configuration that uses only the image"
        )
    labels = plans.get_label_manager(dict(dataset))
    dims = len(configuration.patch_size)
    channels = int(determine_num_input_channels(plans, configuration, dataset))
    normalised, remarks = _normalisation(plans, configuration, channels)
    pictures = plans.plans.get("image_reader_writer") == PICTURES
    preparation = Preparation(
        dims=dims,
        channels=channels,
        labels=_labels(labels, dataset["labels"]),
        ignore=labels.ignore_label,
        spacing=None if pictures else tuple(float(step) for step in configuration.spacing),
        axes=None if pictures else _axes(plans.transpose_forward, dims),
        patch=tuple(int(extent) for extent in configuration.patch_size),
        windows=NNUNET,
        **normalised,
    )
    return Planned(
        arguments=network_arguments(configuration),
        dims=dims,
        in_channels=channels,
        classes=int(labels.num_segmentation_heads),
        answer="sigmoid" if labels.has_regions else "softmax",
        preparation=preparation,
        remarks=(PREPARED, *remarks),
    )


def network_arguments(configuration: ConfigurationManager) -> dict[str, Any]:
    """The settings of the architecture `nnunet` for the network of a configuration.

    Raises:
        RequestError: the network is not one of `NETWORKS`.
    """
    network = configuration.network_arch_class_name.rpartition(".")[2]
    if network not in NETWORKS:
        raise RequestError(
            f"the plans name the network {network}, which is not supported: use plans with {' or '.join(NETWORKS)}"
        )
    # The settings become JSON values, because a bundle stores them as JSON.
    return {"variant": network, **json.loads(json.dumps(configuration.network_arch_init_kwargs))}


def _labels(labels: LabelManager, named: Mapping[str, Any]) -> tuple[tuple[MaskValue, str], ...]:
    """The labels in the order of the output channels: regions as they are listed, other labels by value."""
    values_and_names = [
        (tuple(int(number) for number in value) if isinstance(value, Sequence) else (int(value),), name)
        for name, value in named.items()
        if name != "ignore"
    ]
    ordered = values_and_names if labels.has_regions else sorted(values_and_names)
    return tuple((value if len(value) > 1 else value[0], name) for value, name in ordered if set(value) != {0})


def _axes(transpose: Sequence[int], dims: int) -> tuple[int, ...] | None:
    """The order of axes for `Preparation`, None if it does not change.

    nnU-Net reads a volume with its last axis first, then transposes it. Its 2D networks read slices along the first
    axis; robustq's read slices along the last of the coarsest axes.
    """
    order = [2 - int(axis) for axis in transpose]
    axes = tuple(order if dims == 3 else [*order[1:], order[0]])
    return None if axes == (0, 1, 2) else axes


def _normalisation(
    plans: PlansManager, configuration: ConfigurationManager, channels: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    schemes = list(configuration.normalization_schemes)
    match sorted(set(schemes)):
        case ["ZScoreNormalization"]:
            masked = any(configuration.use_mask_for_norm)
            remark = "its z-score was taken over the nonzero region, here over the whole image"
            return {"normalise": "z-score"}, (remark,) if masked else ()
        case ["NoNormalization"]:
            return {"normalise": "none"}, ()
        case ["RescaleTo01Normalization"]:
            return {"normalise": "min-max"}, ()
        case ["RGBTo01Normalization"]:
            return {"normalise": "window", "window": (0.0, 255.0)}, ()
        case ["CTNormalization"] if channels == 1:
            foreground = plans.foreground_intensity_properties_per_channel["0"]
            window = (float(foreground["percentile_00_5"]), float(foreground["percentile_99_5"]))
            standardise = (float(foreground["mean"]), max(float(foreground["std"]), 1e-8))
            return {"normalise": "window", "window": window, "standardise": standardise}, ()
    names = ", ".join(schemes)
    return {"normalise": "none"}, (f"its normalisation ({names}) has no counterpart here: give normalised images",)
