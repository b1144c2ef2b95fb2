"""robustq wrap: from an architecture and a quantiser to a model file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustq import registry
from robustq.errors import RequestError
from robustq.request import values
from robustq.request.quantise import Quantise
from robustq_cli import console, options
from robustq_cli import wrap_options as asked
from robustq_cli.command import examples
from robustq_cli.wrap_cases import Cases

if TYPE_CHECKING:
    from robustq.model.segmenter import Segmenter

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
    dims: asked.Dims = 2,
    classes: asked.Classes = None,
    in_channels: asked.InChannels = 1,
    encoder: asked.Encoder = None,
    encoder_weights: asked.EncoderWeights = None,
    setting: asked.Settings = None,
    answer: asked.Answer = None,
    weights: asked.Weights = None,
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
    normalise: asked.Normalise = "min-max",
    window: asked.Window = None,
    out: asked.Out = None,
    json: options.Json = False,
) -> None:
    """Insert a quantiser into a network, and write the model to a file.

    The network is cut at its bottleneck: the feature map between encoder and decoder. A model file holds the weights
    and how cases are prepared; reading it runs no code.
    """
    # What the words alone show to be wrong is answered before torch is imported.
    parsed = Quantise.parse(quantise)
    cases = Cases.parse(size, spacing, crop, normalise, window, labels, ignore)
    settings: dict[str, Any] = dict(values.setting(text) for text in setting or [])
    settings |= {key: value for key, value in {"encoder": encoder, "encoder_weights": encoder_weights}.items() if value}
    framework, folder = _check_network(arch, model_file)
    if calibrate is not None and weights is None and not folder:
        raise RequestError("--calibrate quantises a trained network: give its checkpoint too, --weights FILE")

    from robustq.model.bundle_file import check_name, read_spec
    from robustq.model.describe import describe
    from robustq.model.pretrained import open_trained
    from robustq.model.weights import load_weights
    from robustq.model.wrap import wrap_trained
    from robustq.training.calibrate import calibrate as calibrate_model
    from robustq_cli import wrap_summary

    named = f"{framework}-{Path(folder).name}" if folder else arch or Path(str(model_file).rpartition(":")[0]).stem
    target = check_name(out or f"{_file_words(named)}-{_file_words(str(parsed))}.safetensors")
    cut: dict[str, Any] = {"at": at, "skips": skips, "seed": seed}
    origin: dict[str, str] = {}
    trained = open_trained(arch) if arch is not None else None
    if trained is not None:
        _refuse_given(folder, {"classes": classes, "answer": answer, "weights": weights, **cases.given})
        model = wrap_trained(trained, str(parsed), **cut, **settings)
        origin = {"weights": model.spec.weights, **wrap_summary.preparation_line(trained.preparation)}
    else:
        network = _Network(arch, model_file, dims, in_channels, classes, answer)
        model = network.wrap(str(parsed), cases, **cut, **settings)
    if weights is not None:
        loaded = load_weights(model.network, weights)
        model.spec = model.spec.but(**loaded.provenance)
        origin["weights"] = loaded.text
    if calibrate is not None:
        origin |= wrap_summary.calibration_lines(calibrate_model(model, calibrate))
    if target.exists() and read_spec(target).training:
        raise RequestError(f"{target} is a trained model: give another --out, or delete it")
    anatomy = describe(model.eval(), cases.extents(model.spec.dims))
    model.save(target)
    if json:
        console.print_json({"file": str(target), **vars(anatomy), "spec": model.spec.to_dict()})
        return
    own = "" if model_file is None else f" --model-file {model_file}"
    wrap_summary.print_summary(model, anatomy, target, origin=origin, sized=cases.sized, options=own)


@dataclass(frozen=True)
class _Network:
    """A network to be wrapped whose weights are fresh, as the options say it."""

    arch: str | None
    model_file: str | None
    dims: int
    in_channels: int
    classes: int | None
    answer: str | None

    def wrap(self, quantise: str, cases: Cases, **settings: Any) -> "Segmenter":
        """The segmenter.

        Args:
            quantise: as in `--quantise`.
            cases: how they are prepared.
            **settings: of `robustq.wrap`, and of the architecture.
        """
        from robustq.model.wrap import wrap as wrap_network
        from robustq.network.image_sizes import example_of
        from robustq.network.output_masks import count_labels, default_answer

        classes = self.classes
        if classes is None:
            classes = 2 if cases.labels is None else len(cases.labels) + (self.answer != "sigmoid")
        answer = self.answer or default_answer(classes)
        numbers = range(1, count_labels(classes, answer) + 1)
        labels = cases.labels or tuple((number, str(number)) for number in numbers)
        preparation = cases.preparation(self.dims, self.in_channels, labels)
        if self.arch is not None:
            network, example = self.arch, None
        else:
            network = _executed(str(self.model_file))
            example = example_of(network, cases.extents(self.dims), in_channels=self.in_channels)
        return wrap_network(
            network,
            quantise,
            dims=self.dims,
            in_channels=self.in_channels,
            classes=classes,
            answer=answer,
            preparation=preparation,
            example=example,
            **settings,
        )


def _executed(model_file: str) -> Any:
    """The user's own network."""
    from robustq.network.own_file import network_from_file

    console.say(f"executing {model_file}")
    return network_from_file(model_file)


def _check_network(arch: str | None, model_file: str | None) -> tuple[str, str]:
    """The framework and the folder of a trained network that `--arch` names; twice "" where it names none."""
    if (arch is None) == (model_file is None):
        raise RequestError(
            "wrap needs either --arch NAME (see robustq list architectures) or --model-file F.py:FUNCTION"
        )
    framework, _, folder = (arch or "").partition(":")
    return ("", "") if not folder or arch in registry.names("architectures") else (framework, folder)


def _refuse_given(folder: str, given: Mapping[str, object]) -> None:
    """What a trained network's folder says is not said again."""
    repeated = [f"--{name}" for name, value in given.items() if value is not None]
    if repeated:
        raise RequestError(f"{folder} says itself what {', '.join(repeated)} would say: leave them out")


def _file_words(text: str) -> str:
    """A text as part of a file name."""
    return text.replace(":", "-").replace(",", "-")
