"""The command robustq wrap, which makes a model file from an architecture and a quantiser."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustq import registry
from robustq.errors import RequestError
from robustq.request import values
from robustq.request.quantise import Quantise
from robustq_cli import console, options, wrap_summary
from robustq_cli import wrap_options as asked
from robustq_cli.command import examples
from robustq_cli.wrap_cases import Cases

if TYPE_CHECKING:
    from torch import Tensor, nn

    from robustq.model.pretrained import Trained
    from robustq.model.segmenter import Segmenter

_OPTIONS = {
    **{name: f"--{name.replace('_', '-')}" for name in ("dims", "in_channels", "classes", "at", "skips", "answer")},
    **{name: f"--{name}" for name in ("head", "seed", "quantise")},
    "network": "--arch or --model-file",
    "example": "--size",
    "preparation": "--size, --crop, --patch or --normalise",
    "copy": "no such setting, because the command makes the network itself,",
}
"""Names that `robustq.wrap` takes itself, so that no setting of an architecture can have them, and what to give."""

EXAMPLES = examples(
    (
        "A UNet with the paper's quantiser, and its matched baseline",
        "robustq wrap --arch unet --size 128x128",
        "robustq wrap --arch unet --size 128x128 --quantise identity:256",
    ),
    (
        "A trained network: its checkpoint, and a codebook that needs no training",
        "robustq wrap --model-file net.py:make --weights net.pt --calibrate DATA",
    ),
)


def wrap(
    arch: asked.Architecture = None,
    model_file: asked.ModelFile = None,
    dims: asked.Dims = None,
    classes: asked.Classes = None,
    in_channels: asked.InChannels = None,
    trust: asked.Trust = False,
    encoder: asked.Encoder = None,
    encoder_weights: asked.EncoderWeights = None,
    setting: asked.Settings = None,
    answer: asked.Answer = None,
    head: asked.Head = None,
    weights: asked.Weights = None,
    allow_missing: asked.AllowMissing = False,
    trained_on: asked.TrainedOn = None,
    seed: asked.Seed = 0,
    quantise: asked.Quantise = "1024x256",
    at: asked.Site = None,
    skips: asked.Skips = "keep",
    calibrate: asked.Calibrate = None,
    labels: asked.Labels = None,
    ignore: asked.Ignore = None,
    size: asked.Size = None,
    spacing: asked.Spacing = None,
    crop: asked.Crop = None,
    patch: asked.Patch = None,
    grey_to_rgb: asked.GreyToRGB = False,
    normalise: asked.Normalise = None,
    mean_std: asked.MeanStd = None,
    window: asked.Window = None,
    out: asked.Out = None,
    json: options.Json = False,
) -> None:
    """Insert a quantiser into a network, and write the model to a file.

    The network is cut at its bottleneck: the feature map between encoder and decoder. A model file holds the weights
    and how cases are prepared; reading it runs no code.
    """
    # Wrong options are refused here, before the slow import of torch.
    parsed = Quantise.parse(quantise)
    cases = Cases.parse(size, spacing, crop, patch, normalise, window, labels, ignore, grey_to_rgb, mean_std)
    encoder_settings = {"encoder": encoder, "encoder_weights": encoder_weights}
    settings = _settings(setting or [], {key: value for key, value in encoder_settings.items() if value})
    framework, folder = _check_network(arch, model_file)
    if calibrate is not None and weights is None and not folder:
        raise RequestError("--calibrate needs a trained network: give its checkpoint with --weights FILE")

    from robustq.data.open_dataset import open_dataset
    from robustq.model.bundle_file import check_name, read_spec
    from robustq.model.describe import describe
    from robustq.model.pretrained import open_trained
    from robustq.model.weights import load_weights
    from robustq.training.calibrate import calibrate as calibrate_model
    from robustq.training.seen_cases import seen_in_training

    by_hand = Path(str(model_file).rpartition(":")[0]).stem
    network_name = f"{framework}-{Path(folder).name}" if folder else arch or by_hand
    target = check_name(out or f"{_file_words(network_name)}-{_file_words(str(parsed))}.safetensors")
    cut_settings: dict[str, Any] = {"at": at, "skips": skips, "seed": seed}
    origin: dict[str, str] = {}
    trained = open_trained(arch, trust=trust) if arch is not None else None
    if trained is not None:
        given = {"classes": classes, "answer": answer, "head": head, "weights": weights, **cases.given}
        model = _wrap_folder(folder, trained, given, str(parsed), **cut_settings, **settings)
        origin = {"weights": model.spec.weights, **wrap_summary.preparation_line(model.spec.preparation)}
    else:
        in_channels = cases.channels if in_channels is None else in_channels
        network = _Network(arch, model_file, dims, in_channels, classes, answer, values.head(head))
        model = network.wrap(str(parsed), cases, **cut_settings, **settings)
    if weights is not None:
        loaded = load_weights(model.network, weights, allow_missing=allow_missing)
        model.spec = model.spec.but(**loaded.provenance)
        origin["weights"] = loaded.text
    if trained_on is not None:
        model.spec = seen_in_training(model.spec, trained_on)
    _say_bounded(model)
    if calibrate is not None:
        dataset = open_dataset(calibrate)
        origin |= wrap_summary.calibration_lines(calibrate_model(model, dataset))
        console.say_remarks(dataset.remarks)
    if target.exists() and read_spec(target).training:
        raise RequestError(f"{target} is a trained model already: give another file with --out, or delete this one")
    prepared = model.spec.preparation
    seen = prepared.patch or prepared.crop or prepared.size
    anatomy = describe(model.eval(), seen or cases.extents(model.spec.dims))
    model.save(target)
    if json:
        console.print_json({"file": str(target), **vars(anatomy), "spec": model.spec.to_dict()})
        return
    network_option = "" if model_file is None else f" --model-file {shlex.quote(model_file)}"
    wrap_summary.print_summary(model, anatomy, target, origin=origin, sized=seen is not None, options=network_option)


@dataclass(frozen=True)
class _Network:
    """The options that describe a network with fresh weights."""

    arch: str | None
    model_file: str | None
    dims: int | None
    in_channels: int | None
    classes: int | None
    answer: str | None
    head: int | str | None

    def wrap(self, quantise: str, cases: Cases, **settings: Any) -> "Segmenter":
        """The network with its quantiser inserted.

        Args:
            quantise: text of `--quantise`.
            cases: how cases are prepared.
            **settings: settings of `robustq.wrap` and of the architecture.
        """
        from robustq.model.wrap import wrap as wrap_network
        from robustq.network.output_masks import count_labels, default_answer, numbered_labels

        network: Any = self.arch
        dims = 2 if self.dims is None else self.dims
        in_channels = 1 if self.in_channels is None else self.in_channels
        classes, example = self.classes, None
        if self.model_file is not None:
            network = _executed(self.model_file)
            example, read = self._read_off(network, cases)
            dims, in_channels, classes = example.ndim - 2, example.shape[1], read if classes is None else classes
        if classes is None:
            classes = 2 if cases.labels is None else len(cases.labels) + (self.answer != "sigmoid")
        answer = self.answer or default_answer(classes)
        labels = cases.labels or numbered_labels(count_labels(classes, answer))
        return wrap_network(
            network,
            quantise,
            dims=dims,
            in_channels=in_channels,
            classes=classes,
            answer=self.answer,
            head=self.head,
            preparation=cases.preparation(dims, in_channels, labels),
            example=example,
            **settings,
        )

    def _read_off(self, network: "nn.Module", cases: Cases) -> "tuple[Tensor, int]":
        """An image that the network runs on, and the number of its output channels."""
        from robustq.network.find_example import find_example
        from robustq.network.output_masks import full_resolution, require_one_answer
        from robustq.network.run_network import run_plain

        example = find_example(network, cases.extents, dims=self.dims, in_channels=self.in_channels)
        output = run_plain(network, example)
        if self.head is None:
            require_one_answer(output, example.shape[2:], self.classes)
        return example, full_resolution(output, example.shape[2:], self.head).shape[1]


def _executed(model_file: str) -> Any:
    """Execute the user's file and return the network."""
    from robustq.network.own_file import file_and_function, network_from_file

    file_and_function(model_file)
    console.say(f"executing {model_file}")
    return network_from_file(model_file)


def _check_network(arch: str | None, model_file: str | None) -> tuple[str, str]:
    """The framework and the folder of the trained network that `--arch` names; ("", "") if it names none."""
    if (arch is None) == (model_file is None):
        raise RequestError(
            "wrap needs either --arch NAME (see robustq list architectures) or --model-file FILE.py:FUNCTION"
        )
    framework, _, folder = (arch or "").partition(":")
    return ("", "") if not folder or arch in registry.names("architectures") else (framework, folder)


def _wrap_folder(
    folder: str, trained: "Trained", given: Mapping[str, object], quantise: str, **settings: Any
) -> "Segmenter":
    """The network that another framework trained and left in a folder, with its quantiser inserted.

    Args:
        folder: the folder.
        trained: what it says of its network.
        given: values of the options that say the same things; None where an option was not given.
        quantise: text of `--quantise`.
        **settings: settings of `robustq.wrap` and of the architecture.

    Raises:
        RequestError: an option was given for what the folder says.
    """
    from robustq.model.wrap import wrap_trained

    _refuse_given(folder, {name: value for name, value in given.items() if name not in trained.unsaid})
    completed = trained.completed({name: given[name] for name in trained.unsaid})
    wrap_summary.say_unsaid(folder, [name for name in trained.unsaid if given[name] is None], completed.advice)
    return wrap_trained(completed, quantise, **settings)


def _say_bounded(model: "Segmenter") -> None:
    """Say where the outputs of a network look like probabilities and are not read as such."""
    from robustq.model.spec import BOUNDED

    remark = BOUNDED.format(answer=model.spec.answer)
    if remark in model.spec.remarks:
        console.say(f"note: {remark}")


def _refuse_given(folder: str, given: Mapping[str, object]) -> None:
    """Refuse options whose values the folder of a trained network already gives."""
    repeated = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if repeated:
        raise RequestError(f"{folder} already says what {', '.join(repeated)} would say: leave these options out")


def _settings(texts: Sequence[str], of_encoder: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the architecture, from `--set` and from the options of the encoder.

    Raises:
        RequestError: a text is no setting, a setting is an option of this command, or one was given twice.
    """
    settings: dict[str, Any] = {}
    for key, value in map(values.setting, texts):
        if key in _OPTIONS:
            raise RequestError(f"--set {key}=... is an option of its own: give {_OPTIONS[key]} instead")
        if key in settings:
            raise RequestError(f"--set {key}=... was given twice, with {settings[key]!r} and {value!r}: give it once")
        settings[key] = value
    for key in of_encoder:
        if key in settings:
            raise RequestError(f"--set {key}=... and --{key.replace('_', '-')} were both given: give one of them")
    return settings | dict(of_encoder)


def _file_words(text: str) -> str:
    """The text with hyphens instead of colons and commas, for a file name."""
    return text.replace(":", "-").replace(",", "-")
