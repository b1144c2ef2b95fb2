"""From a name, or from any nn.Module, to a segmenter."""

import copy as copies
import inspect
from typing import Any

import torch
from torch import Tensor, nn

from robustq import registry
from robustq.answer import count_labels, default_answer, full_resolution
from robustq.bottleneck import Bottleneck, build_bottlenecks, features_at
from robustq.code import code_digest
from robustq.errors import RequestError
from robustq.plain import run_plain
from robustq.preparation import Preparation
from robustq.probe import find_multiple, probe
from robustq.quantise import Quantise
from robustq.segmenter import Segmenter
from robustq.site import find_bottleneck
from robustq.spec import Spec
from robustq.trained import Trained, open_trained


def wrap(
    network: str | nn.Module,
    quantise: str = "1024x256",
    *,
    dims: int = 2,
    in_channels: int = 1,
    classes: int = 2,
    at: str | None = None,
    example: Tensor | None = None,
    skips: str = "keep",
    answer: str | None = None,
    preparation: Preparation | None = None,
    seed: int = 0,
    copy: bool = True,
    **arguments: Any,
) -> Segmenter:
    """Cut a network at its bottleneck and insert a quantiser there.

    Args:
        network: the name of a registered architecture; or `NAME:PATH`, a network that another framework trained
            (`robustq.trained`), which then says dims, in_channels, classes, answer and, unless one is given, the
            preparation; or any nn.Module.
        quantise: `1024x256` (K codes of D channels), `NAME:NUMBERS`, `identity:D` for the matched baseline, `none`
            to insert nothing.
        dims: spatial axes, 2 or 3.
        in_channels: image channels.
        classes: output channels, background included.
        at: dotted name of the submodule to cut at; its output is a feature map, or a list of them of which the last
            is cut. By default what the architecture declares as its `site`, else what probing finds
            (`robustq.site.find_bottleneck`); the segmenter's `sites` has the runners-up.
        example: an input (B, in_channels, *S) for a network given by hand. Its extents should be larger than the
            network's stride.
        skips: keep the other feature maps of the site, drop them (zeros) or quantise each with a quantiser of its own.
        answer: how outputs become masks: softmax, sigmoid (the default for one channel) or probabilities.
        preparation: what is done to a case before the model sees it; by default min-max normalisation alone.
        seed: of the fresh weights. The global generator is left as it was.
        copy: wrap a copy of a network given by hand, or that network itself.
        **arguments: settings of a named architecture.

    Returns:
        A segmenter whose forward pass has the signature and output structure of the network.

    Raises:
        RequestError: a name, a size or a combination does not exist; the message says what does.
    """
    parsed = Quantise.parse(quantise)
    if isinstance(network, str) and (trained := open_trained(network)) is not None:
        return wrap_trained(trained, quantise, at=at, skips=skips, preparation=preparation, seed=seed, **arguments)
    answer = default_answer(classes) if answer is None else answer
    if preparation is None:
        numbers = range(1, count_labels(classes, answer) + 1)
        preparation = Preparation(
            dims=dims, channels=in_channels, labels=tuple((number, str(number)) for number in numbers)
        )
    if (preparation.dims, preparation.channels) != (dims, in_channels):
        raise RequestError(
            f"the preparation is for {preparation.channels} channels in {preparation.dims}D, the network for "
            f"{in_channels} in {dims}D: make them equal"
        )
    if parsed.name == "none" and skips == "quantise":
        raise RequestError("skips=quantise has no quantiser to use with quantise=none: give one, or keep the skips")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if isinstance(network, str):
            name: str | None = registry.canonical("architectures", network)
            module = build_architecture(network, dims=dims, in_channels=in_channels, classes=classes, **arguments)
            declared = getattr(registry.load("architectures", network), "site", None)
            size = preparation.crop or preparation.size
            example = probe(module, at or declared, in_channels=in_channels, dims=dims, size=size)
        else:
            name, module, declared = None, copies.deepcopy(network) if copy else network, None
            if arguments:
                raise RequestError(f"{', '.join(arguments)} set an architecture given by name, not an nn.Module")
            if example is None:
                raise RequestError("wrapping an nn.Module needs example=x, an input (B, C, *S) that it runs on")
            if (example.ndim - 2, example.shape[1]) != (dims, in_channels):
                raise RequestError(
                    f"the example has {example.shape[1]} channels in {example.ndim - 2}D, where in_channels is "
                    f"{in_channels} and dims {dims}: give in_channels={example.shape[1]}, dims={example.ndim - 2}"
                )
        declared = getattr(module, "site", declared)
        site = at if at is not None else declared
        found = [] if isinstance(site, str) else find_bottleneck(module, example)
        site = site if isinstance(site, str) else found[0].name
        features = features_at(module, site, example)
        if skips != "keep" and len(features) == 1:
            raise RequestError(f"skips={skips} needs a site that gives a list of feature maps; {site!r} gives one")
        quantised = features if skips == "quantise" else features[-1:]
        bottlenecks = build_bottlenecks(parsed, [feature.shape[1] for feature in quantised], dims=dims)
        bottlenecks.to(features[-1]).train(module.training)
        multiple = find_multiple(module, example)
        if name is None:
            _check_output(module, example, classes)
    spec = Spec(
        architecture=name,
        arguments=tuple(arguments.items()),
        quantise=str(parsed),
        site=site,
        skips=skips,
        dims=dims,
        in_channels=in_channels,
        classes=classes,
        answer=answer,
        preparation=preparation,
        seed=seed,
        code="" if name is not None else code_digest(module),
        multiple=multiple,
    )
    model = Segmenter(module, bottlenecks, spec)
    model.sites = tuple(found)
    model.training = module.training
    return model


def _check_output(network: nn.Module, example: Tensor, classes: int) -> None:
    """Refuse a network given by hand whose output cannot be read."""
    scores = full_resolution(run_plain(network, example), example.shape[2:])
    if scores.shape[1] != classes:
        raise RequestError(
            f"the network's output has {scores.shape[1]} channels and classes={classes} was asked: give classes="
            f"{scores.shape[1]}, background included"
        )


def wrap_trained(
    trained: Trained, quantise: str, *, preparation: Preparation | None = None, **arguments: Any
) -> Segmenter:
    """Wrap a network that another framework trained, with its weights.

    Args:
        trained: what its folder says.
        quantise: as `wrap` takes it.
        preparation: instead of the folder's.
        **arguments: of `wrap`, and settings of the architecture that change no weight.

    Raises:
        RequestError: the checkpoint cannot be used, or as `wrap` does.
    """
    model = wrap(
        trained.architecture,
        quantise,
        dims=trained.dims,
        in_channels=trained.in_channels,
        classes=trained.classes,
        answer=trained.answer,
        preparation=preparation or trained.preparation,
        **{**trained.arguments, **arguments},
    )
    loaded = trained.fill(model.network)
    model.spec = model.spec.but(**loaded.provenance, remarks=trained.remarks)
    return model


def build_architecture(name: str, *, dims: int, in_channels: int, classes: int, **arguments: Any) -> nn.Module:
    """A fresh network of a registered architecture.

    Raises:
        RequestError: the architecture, or one of its settings, does not exist.
    """
    factory = registry.load("architectures", name)
    signature = inspect.signature(factory)
    try:
        signature.bind(dims=dims, in_channels=in_channels, classes=classes, **arguments)
    except TypeError as error:
        known = sorted(set(signature.parameters) - {"dims", "in_channels", "classes"})
        raise RequestError(
            f"architecture {name!r} has a setting that it does not take ({', '.join(arguments)}): it takes "
            f"{', '.join(known) or 'none'}"
        ) from error
    try:
        network: nn.Module = factory(dims=dims, in_channels=in_channels, classes=classes, **arguments)
    except TypeError as error:
        raise RequestError(f"architecture {name!r} has a setting of the wrong kind: {error}") from error
    return network


def fresh_network(spec: Spec) -> nn.Module:
    """A fresh network of the architecture that a spec names."""
    assert spec.architecture is not None, "checked by the caller"
    # The bundle holds the weights: a library's own are not to be downloaded again.
    arguments = {name: value for name, value in spec.arguments if name != "encoder_weights"}
    return build_architecture(
        spec.architecture, dims=spec.dims, in_channels=spec.in_channels, classes=spec.classes, **arguments
    )


def matched_baseline(model: Segmenter, *, keep_weights: bool) -> Segmenter:
    """`identity:D` of the same architecture; see `Segmenter.without_quantiser`."""
    assert model.quantiser is not None, "checked by the caller"
    spec = model.spec.but(quantise=f"identity:{model.quantiser.dimension}")
    with torch.random.fork_rng():
        torch.manual_seed(spec.seed)
        if spec.architecture is not None and not keep_weights:
            network = fresh_network(spec)
        else:
            network = copies.deepcopy(model).network
            _unhook(network, spec.site)
            if not keep_weights:
                _start_afresh(network)
        channels = [bottleneck.channels for bottleneck in model.bottlenecks if isinstance(bottleneck, Bottleneck)]
        bottlenecks = build_bottlenecks(Quantise.parse(spec.quantise), channels, dims=spec.dims)
    if not keep_weights:
        return Segmenter(network, bottlenecks, spec.but(training=None))
    projections = {key: value for key, value in model.bottlenecks.state_dict().items() if ".quantiser." not in key}
    bottlenecks.load_state_dict(projections)
    remark = "its quantiser was taken out after training: not trained this way"
    return Segmenter(network, bottlenecks, spec.but(remarks=(*spec.remarks, remark)))


def _unhook(network: nn.Module, site: str) -> None:
    """A copied network still carries the hook of the segmenter it was copied from."""
    for hooks in (network.get_submodule(site)._forward_hooks, network._forward_pre_hooks):
        for key in [key for key, hook in hooks.items() if isinstance(getattr(hook, "__self__", None), Segmenter)]:
            del hooks[key]


def _start_afresh(network: nn.Module) -> None:
    for name, module in network.named_modules():
        reset = getattr(module, "reset_parameters", None)
        if reset is not None:
            reset()
        elif next(module.parameters(recurse=False), None) is not None:
            raise RequestError(
                f"module {name!r} ({type(module).__name__}) cannot draw fresh weights: build the baseline with "
                "robustq.wrap(fresh_network, 'identity:D') or take keep_weights=True"
            )
