"""robustq wrap: from an architecture and a quantiser to a model file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from robustq import registry
from robustq.errors import RequestError
from robustq.request.quantise import Quantise
from robustq_cli import console, options


def wrap(
    arch: Annotated[
        str | None,
        typer.Option(
            help="One of `robustq list architectures`, such as unet or smp:unet; or a trained network of another "
            "framework, nnunet:FOLDER."
        ),
    ] = None,
    model_file: Annotated[
        str | None,
        typer.Option(metavar="FILE.py:FUNCTION", help="Your own network instead of --arch; the file is executed."),
    ] = None,
    quantise: Annotated[
        str, typer.Option(help="KxD such as 1024x256, NAME:NUMBERS, identity:D for the matched baseline, or none.")
    ] = "1024x256",
    dims: Annotated[int, typer.Option(help="Spatial axes: 2 or 3. A 2D model reads volumes slice by slice.")] = 2,
    classes: Annotated[int | None, typer.Option(help="Output channels, background included.")] = None,
    in_channels: Annotated[int, typer.Option(help="Image channels: 1 for grey, 3 for RGB.")] = 1,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder of an smp architecture, such as resnet34 or tu-convnext_tiny.")
    ] = None,
    encoder_weights: Annotated[
        str | None, typer.Option(help="Pretrained weights of the encoder, such as imagenet; random without.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="SITE", help="Submodule to cut at; declared or found by probing without.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Plain checkpoint of the unwrapped network; no code of it is run.")
    ] = None,
    calibrate: Annotated[
        str | None, typer.Option(metavar="DATA", help="Set the codebook by k-means on these cases, without training.")
    ] = None,
    skips: Annotated[str, typer.Option(help="What is done to the skips: keep, drop or quantise.")] = "keep",
    answer: Annotated[
        str | None, typer.Option(help="How outputs become masks: softmax, sigmoid or probabilities.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="128x128", help="Resize every case to this.")] = None,
    spacing: Annotated[str | None, typer.Option(metavar="1x1x2", help="Resample every case to this spacing.")] = None,
    crop: Annotated[str | None, typer.Option(metavar="96x96x96", help="Then crop or pad it to this.")] = None,
    normalise: Annotated[str, typer.Option(help="min-max, z-score, percentile, window or none.")] = "min-max",
    window: Annotated[
        str | None, typer.Option(metavar="LOW..HIGH", help="Fixed window, for --normalise window.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="1=lung,5=heart", help="Mask values and their names; gaps are allowed.")
    ] = None,
    ignore: Annotated[int | None, typer.Option(help="Mask value that is left out everywhere.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Setting of the architecture, e.g. width=16.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the fresh weights.")] = 0,
    out: Annotated[Path | None, typer.Option(help="File to write, *.safetensors.")] = None,
    json: options.Json = False,
) -> None:
    """Wrap an architecture with a vector-quantised bottleneck, and write it as one model file."""
    # What the words alone show to be wrong is answered before torch is imported.
    parsed = Quantise.parse(quantise)
    extents = _numbers("--size", size, int)
    spacings = _numbers("--spacing", spacing, float)
    crops = _numbers("--crop", crop, int)
    limits = None if window is None else _window(window)
    named = None if labels is None else _labels(labels)
    settings: dict[str, Any] = dict(_setting(text) for text in setting or [])
    if (arch is None) == (model_file is None):
        raise RequestError(
            "wrap needs either --arch NAME (see robustq list architectures) or --model-file F.py:FUNCTION"
        )
    settings |= {key: value for key, value in {"encoder": encoder, "encoder_weights": encoder_weights}.items() if value}
    framework, colon, folder = (arch or "").partition(":")
    reads = bool(colon) and arch not in registry.names("architectures")
    if calibrate is not None and weights is None and not reads:
        raise RequestError("--calibrate quantises a trained network: give its checkpoint too, --weights FILE")

    from robustq.data.preparation import Preparation
    from robustq.model.bundle_file import check_name, read_spec
    from robustq.model.describe import describe
    from robustq.model.pretrained import open_trained
    from robustq.model.weights import load_weights
    from robustq.model.wrap import wrap as wrap_network
    from robustq.network.image_sizes import example_of
    from robustq.network.output_masks import count_labels, default_answer
    from robustq.network.own_file import network_from_file
    from robustq.training.calibrate import calibrate as calibrate_model

    given = f"{framework}-{Path(folder).name}" if reads else arch or Path(str(model_file).rpartition(":")[0]).stem
    target = check_name(
        out or f"{given.replace(':', '-')}-{str(parsed).replace(':', '-').replace(',', '-')}.safetensors"
    )
    trained = open_trained(arch) if arch is not None and reads else None
    if trained is not None:
        said = {"classes": classes, "answer": answer, "weights": weights, "size": size, "spacing": spacing}
        said |= {"crop": crop, "window": window, "labels": labels, "ignore": ignore}
        _refuse_given(folder, said)
        dims, in_channels, classes, answer = trained.dims, trained.in_channels, trained.classes, trained.answer
    if classes is None:
        classes = 2 if named is None else len(named) + (answer != "sigmoid")
    resolved = answer or default_answer(classes)
    if named is None:
        named = tuple((number, str(number)) for number in range(1, count_labels(classes, resolved) + 1))
    preparation = (
        trained.preparation
        if trained is not None
        else Preparation(
            dims=dims,
            channels=in_channels,
            normalise=normalise,
            window=limits,
            size=extents,
            spacing=spacings,
            crop=crops,
            labels=named,
            ignore=ignore,
        )
    )
    if model_file is not None:
        console.say(f"executing {model_file}")
    network = arch if arch is not None else network_from_file(str(model_file))
    shown = crops or extents or (128,) * dims
    model = wrap_network(
        network,
        str(parsed),
        dims=dims,
        in_channels=in_channels,
        classes=classes,
        at=at,
        skips=skips,
        answer=resolved,
        preparation=preparation,
        example=None if isinstance(network, str) else example_of(network, shown, in_channels=in_channels),
        seed=seed,
        **settings,
    )
    came: dict[str, str] = {}
    if weights is not None:
        loaded = load_weights(model.network, weights)
        model.spec = model.spec.but(**loaded.provenance)
        came["weights"] = loaded.text
    elif trained is not None:
        came["weights"] = model.spec.weights
        told = {**trained.preparation.to_dict(), "dims": None, "channels": None, "labels": None}
        came["preparation"] = ", ".join(f"{name} {value}" for name, value in told.items() if value is not None)
    if calibrate is not None:
        fitted = calibrate_model(model, calibrate)
        came["calibrated"] = (
            f"on {fitted.tokens} tokens of {fitted.cases} cases; the projection keeps {100 * fitted.explained:.1f} % "
            "of the features' variance"
        )
        came["Dice"] = (
            f"{fitted.before:.4f} before, {fitted.after:.4f} quantised, on {fitted.validation} other cases; "
            f"{fitted.codes_in_use} codes in use there"
        )
    if target.exists() and read_spec(target).training:
        raise RequestError(f"{target} is a trained bundle: give another --out, or delete it")
    anatomy = describe(model.eval(), shown)
    model.save(target)
    if json:
        console.print_json({"file": str(target), **vars(anatomy), "spec": model.spec.to_dict()})
        return
    own = "" if model_file is None else f" --model-file {model_file}"
    lines = {
        "cut at": f"{anatomy.site}, skips {anatomy.skips}",
        **({"found among": ", ".join(site.name for site in model.sites[1:]) or "no other"} if model.sites else {}),
        "quantiser": str(parsed),
        "image": _shape(anatomy.image) + ("" if crops or extents else " (an example: no --size was given)"),
        "bottleneck": f"{_shape(anatomy.features)} -> embedding {_shape(anatomy.embedding)}",
        "stride": " × ".join(f"{stride:g}" for stride in anatomy.stride),
        "tokens": f"{anatomy.tokens} a {'case, or slice of a volume' if dims == 2 else 'case'}",
        "parameters": f"{anatomy.parameters:,}, of which {anatomy.added:,} added by the quantiser and its projections",
        "answer": f"{model.spec.answer}, {classes} channels -> {', '.join(model.spec.labels)}",
        **came,
        "state": "; ".join(model.spec.status),
        "written": str(target),
        "next": f"robustq train {target}{own} --data DATA",
        "then": f"robustq stress --model {target.with_suffix('')}-trained.safetensors{own} --data DATA "
        "--noise gaussian --levels 0,1,10,20,30",
    }
    console.print_pairs(lines)


def _refuse_given(folder: str, options: Mapping[str, object]) -> None:
    """What a trained network's folder says is not said again."""
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise RequestError(f"{folder} says itself what {', '.join(given)} would say: leave them out")


def _shape(extents: tuple[int, ...]) -> str:
    return " × ".join(str(extent) for extent in extents)


def _numbers(option: str, text: str | None, kind: type[int] | type[float]) -> Any:
    """`128x128` as numbers."""
    if text is None:
        return None
    try:
        return tuple(kind(part) for part in text.split("x"))
    except ValueError as error:
        raise RequestError(f"{option} {text!r} is not a list of numbers: write them as in 128x128") from error


def _window(text: str) -> tuple[float, float]:
    low, _, high = text.partition("..")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise RequestError(f"--window {text!r} is not a window: write LOW..HIGH as in -160..240") from error


def _labels(text: str) -> tuple[tuple[int, str], ...]:
    """`1=lung,5=heart` as mask values and names."""
    pairs = [(value.strip(), name.strip()) for value, _, name in (part.partition("=") for part in text.split(","))]
    if not all(value.isdecimal() and name for value, name in pairs):
        raise RequestError(f"--labels {text!r} is not a list of labels: write VALUE=NAME,... as in 1=lung,5=heart")
    return tuple((int(value), name) for value, name in pairs)


def _setting(text: str) -> tuple[str, int | float | str]:
    """`width=16` as a name and a value."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise RequestError(f"--set {text!r} is not a setting: write KEY=VALUE as in width=16")
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value
