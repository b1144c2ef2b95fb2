"""Registers segmentation-models-pytorch as a whole, and reads the folders that its save_pretrained writes."""

import inspect
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from robustq.data.preparation import RGB, Preparation
from robustq.errors import RequestError, unknown
from robustq.model.pretrained import Trained, read_json, whole_number
from robustq.network.output_masks import count_labels, default_answer, numbered_labels
from robustq_smp.architecture import SmpArchitecture

DECODERS = {model.__name__: name for name, model in smp.MODEL_ARCHITECTURES_MAPPING.items()}
"""Name of the class, as config.json has it -> name of the decoder."""

ANSWERS = {**dict.fromkeys(("sigmoid", "softmax", "softmax2d"), "probabilities"), "logsoftmax": "softmax"}
"""Activation at the end of the network -> how its outputs become masks."""

UNSAID = ("labels", "ignore", "size", "spacing", "crop", "patch", "normalise", "window", "mean_std")
"""What no folder of the library says, as fields of `Preparation`."""


class SmpNetwork:
    """Any network of segmentation-models-pytorch; its decoder and its encoder are settings.

    `smp:NAME` is the same network. `smp:FOLDER` is a trained one.
    """

    site = SmpArchitecture.site
    first_weights = SmpArchitecture.first_weights
    __name__ = "smp"

    def __call__(
        self, *, in_channels: int = 1, classes: int = 2, dims: int = 2, decoder: str = "unet", **settings: Any
    ) -> nn.Module:
        """A network with fresh weights.

        Args:
            in_channels: channels of the image.
            classes: output channels, background included.
            dims: 2; the library has no 3D networks.
            decoder: name of the decoder in `segmentation_models_pytorch.create_model`.
            **settings: as `SmpArchitecture` takes them.

        Raises:
            RequestError: there is no such decoder, or it does not take the settings.
        """
        if decoder not in DECODERS.values():
            raise unknown("decoder of smp", decoder, DECODERS.values())
        return SmpArchitecture(decoder)(in_channels=in_channels, classes=classes, dims=dims, **settings)

    def read(self, path: str, *, trust: bool = False) -> Trained:
        """Read a folder that `model.save_pretrained(FOLDER)` wrote.

        Args:
            path: the folder, with config.json and model.safetensors.
            trust: without effect, because nothing in these folders is executed.

        Raises:
            RequestError: files are missing, or the configuration is not that of a network of the library.
        """
        folder = Path(path)
        config = read_json(folder / "config.json", "save_pretrained of smp")
        model = config.pop("_model_class", None)
        if model not in DECODERS:
            raise RequestError(
                f"{folder / 'config.json'} names the network {model!r}, which is none of smp: give a folder that "
                f"save_pretrained wrote for {', '.join(DECODERS)}"
            )
        settings = {name: value for name, value in config.items() if not name.startswith("_")}
        in_channels = whole_number(settings.pop("in_channels", 3), "in_channels", folder / "config.json")
        classes = whole_number(settings.pop("classes", 1), "classes", folder / "config.json")
        settings["encoder"] = settings.pop("encoder_name", "resnet34")
        # The folder holds the trained weights, so nothing is downloaded.
        advice = _advice(settings["encoder"], settings.pop("encoder_weights", None))
        _check_settings(folder, model, settings)
        activation = settings.get("activation")
        answer = _answer(folder, activation, classes)
        labels = classes if activation == "sigmoid" else count_labels(classes, answer)
        return Trained(
            architecture=f"smp:{DECODERS[model]}",
            arguments=settings,
            dims=2,
            in_channels=in_channels,
            classes=classes,
            answer=answer,
            preparation=Preparation(channels=in_channels, labels=numbered_labels(labels)),
            checkpoint=folder / "model.safetensors",
            unsaid=(
                *(() if activation in ANSWERS else ("answer",)),
                *UNSAID,
                *(("grey_to_rgb",) if in_channels == RGB else ()),
            ),
            advice=advice,
        )


def _answer(folder: Path, activation: str | None, classes: int) -> str:
    """How the outputs of a network with this activation become masks."""
    if activation in (None, "identity"):
        return default_answer(classes)
    if activation not in ANSWERS:
        raise RequestError(
            f"the network in {folder} ends in the activation {activation!r}, which gives no score for each class: save "
            f"it with activation None, {', '.join(ANSWERS)}"
        )
    return ANSWERS[activation]


def _advice(encoder: str, weights: str | None) -> dict[str, str]:
    """Advice on the normalisation. For exact values the library asks the hub, and nothing is downloaded here."""
    if weights is None:
        return {}
    return {
        "normalise": f"its encoder began with the weights {weights!r}, and most such weights expect --normalise "
        f"imagenet: give it if the training used them as smp.encoders.get_preprocessing_fn({encoder!r}) does"
    }


def _check_settings(folder: Path, model: str, settings: dict[str, Any]) -> None:
    """Refuse a setting that the class passes on to timm, unless it is a number: timm takes paths of files, too."""
    own = {"encoder", *inspect.signature(getattr(smp, model)).parameters}
    for name, value in settings.items():
        if name not in own and not isinstance(value, int | float):
            raise RequestError(
                f"{folder / 'config.json'} has the setting {name}={value!r}, which {model} of smp does not have: save "
                "the network without it"
            )


smp_network = SmpNetwork()
"""Any network of segmentation-models-pytorch (--set decoder=NAME); smp:FOLDER is one that save_pretrained wrote."""
