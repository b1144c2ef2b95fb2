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
from robustq_nnunet.prepared import PICTURES, RESAMPLINGS, SCHEMES

PREPARED = (
    "trained in nnU-Net; perturbed and scored on nnU-Net's preprocessed grid, without its mirroring, so its Dice may "
    "differ from nnU-Net's own"
)

PREPROCESSOR = "DefaultPreprocessor"
"""nnU-Net's only preprocessor. A plan may name another one, which is not in nnU-Net."""


@dataclass(frozen=True)
class Planned:
    """One configuration of nnU-Net in robustq's terms.

    Cases are prepared by nnU-Net's own functions (`robustq_nnunet.prepared`): the order of axes, the crop to the
    nonzero region, the normalisation of each channel and the resampling of image and mask. The patch size is the
    plans'; windows are placed and blended as nnU-Net's predictor does. Test-time mirroring has no counterpart in
    robustq.

    A region becomes a label that is the union of its mask values, with its own sigmoid. nnU-Net's order of painting
    regions over each other does not matter here, because masks may overlap.

    Attributes:
        arguments: settings of the architecture `nnunet`.
        dims: number of spatial axes.
        in_channels: image channels.
        classes: output channels.
        answer: softmax, or sigmoid for regions.
        preparation: preparation of cases.
        remarks: what a reader must know wherever the model appears.
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
        RequestError: the configuration is the second stage of a cascade, its network is not one of `NETWORKS`, or it
            prepares cases by a function that is not nnU-Net's.
    """
    if configuration.previous_stage_name is not None:
        raise RequestError(
            "this is the second stage of a cascade, which needs the segmentation of "
            f"{configuration.previous_stage_name} as an image channel: choose a configuration that uses only the image"
        )
    labels = plans.get_label_manager(dict(dataset))
    dims = len(configuration.patch_size)
    channels = int(determine_num_input_channels(plans, configuration, dataset))
    plan = _plan(plans, configuration, channels)
    preparation = Preparation(
        dims=dims,
        channels=channels,
        normalise="none",
        labels=_labels(labels, dataset["labels"]),
        ignore=labels.ignore_label,
        spacing=None if plan["reader"] == PICTURES else tuple(plan["spacing"]),
        patch=tuple(int(extent) for extent in configuration.patch_size),
        windows=NNUNET,
        plan=plan,
    )
    return Planned(
        arguments=network_arguments(configuration),
        dims=dims,
        in_channels=channels,
        classes=int(labels.num_segmentation_heads),
        answer="sigmoid" if labels.has_regions else "softmax",
        preparation=preparation,
        remarks=(PREPARED,),
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


def _plan(plans: PlansManager, configuration: ConfigurationManager, channels: int) -> dict[str, Any]:
    """What the plans say of the preparation of a case, as JSON values. `robustq_nnunet.prepared` reads it."""
    settings = configuration.configuration
    schemes = list(configuration.normalization_schemes)
    resamplings = {
        f"{kind}_resampling": {
            "name": settings[f"resampling_fn_{key}"],
            "settings": settings[f"resampling_fn_{key}_kwargs"],
        }
        for kind, key in (("image", "data"), ("mask", "seg"))
    }
    used = {configuration.preprocessor_name, *schemes, *(resampling["name"] for resampling in resamplings.values())}
    foreign = sorted(used - {PREPROCESSOR, *SCHEMES, *RESAMPLINGS})
    if foreign:
        raise RequestError(
            f"the plans prepare cases by {', '.join(foreign)}, which is not in nnU-Net: use plans with the "
            f"{PREPROCESSOR} and nnU-Net's own normalisations and resamplings"
        )
    intensities = plans.foreground_intensity_properties_per_channel
    plan = {
        "reader": plans.plans.get("image_reader_writer"),
        "transpose": [int(axis) for axis in plans.transpose_forward],
        "spacing": [float(step) for step in configuration.spacing],
        "schemes": schemes,
        "masked": list(configuration.use_mask_for_norm),
        "intensities": [intensities[str(channel)] for channel in range(channels)],
        **resamplings,
    }
    copy: dict[str, Any] = json.loads(json.dumps(plan))
    return copy
