"""Make a segmenter from the name of an architecture, or from any nn.Module."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from robustq import registry
from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.bottleneck import build_bottlenecks
from robustq.model.json_arguments import json_arguments
from robustq.model.pretrained import Trained, open_trained
from robustq.model.segmenter import Segmenter
from robustq.model.spec import BOUNDED, GIVEN, MIXING, NO_SITE, VARYING, Spec
from robustq.model.weights_digest import weights_digest
from robustq.network.bound_hooks import has_bound_hooks, remove_bound_hooks
from robustq.network.bounded_answer import gives_probabilities
from robustq.network.build import build_architecture, declared_site
from robustq.network.code_digest import code_digest
from robustq.network.image_sizes import find_multiple, probe
from robustq.network.intervention import reaches_answer
from robustq.network.named_site import features_at
from robustq.network.output_masks import (
    count_labels,
    default_answer,
    full_resolution,
    require_batch,
    require_one_answer,
)
from robustq.network.plain_module import plain_copy, plain_itself, plain_name, require_values
from robustq.network.run_network import run_plain, takes_dict
from robustq.network.site_search import find_bottleneck, find_sites, times_called
from robustq.network.steadiness import steadiness
from robustq.request.quantise import Quantise


def wrap(
    network: str | nn.Module,
    quantise: str = "1024x256",
    *,
    dims: int | None = None,
    in_channels: int | None = None,
    classes: int | None = None,
    at: str | None = None,
    example: Tensor | Mapping[str, Tensor] | None = None,
    skips: str = "keep",
    answer: str | None = None,
    head: int | str | None = None,
    preparation: Preparation | None = None,
    seed: int = 0,
    copy: bool = True,
    trust: bool = False,
    **arguments: Any,
) -> Segmenter:
    """Cut a network at its bottleneck and insert a quantiser there.

    Args:
        network: the name of a registered architecture; or any nn.Module; or `NAME:PATH`, a network that another
            framework trained (`robustq.model.pretrained`). Its folder then gives dims, in_channels, classes, answer
            and, unless `preparation` is given, the preparation.
        quantise: `1024x256` (K codes of D channels), `NAME:NUMBERS`, `identity:D` for the matched baseline, `none`
            to insert nothing.
        dims: number of spatial axes, 2 or 3. The example of a network given by hand says it; else the preparation does,
            or it is 2.
        in_channels: number of image channels; likewise, or 1.
        classes: number of output channels, background included. The output of a network given by hand says it; else
            it is 2.
        at: dotted name of the submodule to cut at; its output is a feature map, or a list of them; the last one of the
            list is cut. By default the `site` that the architecture declares, or, without one, what probing finds
            (`robustq.network.site_search.find_bottleneck`); the segmenter's `sites` also lists the other candidates.
            Where nothing is inserted (`none`), a network needs no bottleneck, but `analyse` does.
        example: an input (B, in_channels, *S) for a network given by hand. Its extents should be larger than the
            network's stride. A dict is refused with the way out, because robustq gives a network one tensor.
        skips: keep the other feature maps of the site, drop them (zeros), or quantise each with its own quantiser.
        answer: how outputs become masks: softmax, sigmoid (the default for one channel) or probabilities.
        head: key or place of the answer in the network's output, where the output holds several of the image's size; -1
            is the last.
        preparation: what is done to a case before the model sees it; by default min-max normalisation alone. Where it
            names no labels, the labels are numbered from 1, as many as the classes need.
        seed: seed of the fresh weights. The global generator is left as it was.
        copy: whether a network given by hand is copied; otherwise that network itself is wrapped. Of a network that
            torch.compile made, the module inside is wrapped.
        trust: whether code in the folder of a trained network may run, such as the expressions in a MONAI bundle.
        **arguments: settings of a named architecture.

    Returns:
        A segmenter whose forward pass has the signature and output structure of the network.

    Raises:
        RequestError: a name, a size or a combination does not exist; the message says which exist.
    """
    parsed = Quantise.parse(quantise)
    arguments = json_arguments(arguments)
    if isinstance(example, Mapping):
        raise takes_dict(next(iter(example), "image"))
    if example is not None:
        _check_example(example)
    if isinstance(network, str) and (trained := open_trained(network, trust=trust)) is not None:
        return wrap_trained(trained, quantise, at=at, skips=skips, preparation=preparation, seed=seed, **arguments)
    if isinstance(network, nn.Module) and example is None:
        raise RequestError("wrapping an nn.Module needs example=x, an input (B, C, *S) that it runs on")
    if isinstance(network, nn.Module) and example is not None:
        network = _uncut(network, copy=copy)
        if head is None:
            require_one_answer(run_plain(network, example), example.shape[2:], classes)
        example = _with_numbers(network, example, head)
        dims, in_channels, classes = _read_off(network, example, head, dims, in_channels, classes)
    if dims is None:
        dims = 2 if preparation is None else preparation.dims
    if in_channels is None:
        in_channels = 1 if preparation is None else preparation.channels
    classes = 2 if classes is None else classes
    answer_given = answer is not None
    answer = default_answer(classes) if answer is None else answer
    if preparation is None:
        preparation = Preparation(dims=dims, channels=in_channels)
    if preparation.labels == Preparation.labels:  # nobody has named the labels, so the classes number them
        numbers = range(1, count_labels(classes, answer) + 1)
        preparation = replace(preparation, labels=tuple((number, str(number)) for number in numbers))
    if (preparation.dims, preparation.channels) != (dims, in_channels):
        raise RequestError(
            f"the preparation is for {preparation.channels} channels in {preparation.dims}D, the network for "
            f"{in_channels} in {dims}D: make them equal"
        )
    if parsed.name == "none" and skips == "quantise":
        raise RequestError("skips=quantise has no quantiser to use with quantise=none: give a quantiser, or skips=keep")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if isinstance(network, str):
            name: str | None = registry.canonical("architectures", network)
            module = build_architecture(network, dims=dims, in_channels=in_channels, classes=classes, **arguments)
            size = preparation.patch or preparation.crop or preparation.size
            example = probe(module, at or declared_site(module, name), in_channels=in_channels, dims=dims, size=size)
            if head is None:
                require_one_answer(run_plain(module, example), example.shape[2:], classes)
        else:
            name, module = None, network
            if arguments:
                raise RequestError(
                    f"{', '.join(arguments)} can be set only on an architecture given by name, and an nn.Module was "
                    "given: leave it out"
                )
            assert example is not None, "refused above"
        site = plain_name(at) if at is not None else declared_site(module, name)
        search = find_sites if parsed.name == "none" else find_bottleneck
        candidates = [] if site is not None else search(module, example, head)
        if site is None:
            site = candidates[0].name if candidates else NO_SITE
        features = [example] if site == NO_SITE and at is None else features_at(module, site, example)
        if skips != "keep" and len(features) == 1:
            raise RequestError(
                f"skips={skips} needs a site that gives a list of feature maps, and {site!r} gives a single one: "
                "choose another site, or give skips=keep"
            )
        quantised = features if skips == "quantise" else features[-1:]
        bottlenecks = build_bottlenecks(parsed, [feature.shape[1] for feature in quantised], dims=dims)
        bottlenecks.to(features[-1]).train(module.training)
        multiple = find_multiple(module, example, head)
        if not candidates and site != NO_SITE and (at is not None or name is None):
            _check_site(module, site, example, head)
        remarks = (
            [BOUNDED.format(answer=answer)] if not answer_given and gives_probabilities(module, example, head) else []
        )
        remarks += _unsteady(module, example, head) if name is None else []
    spec = Spec(
        architecture=name,
        arguments=tuple(arguments.items()),
        quantise=parsed,
        site=site,
        skips=skips,
        dims=dims,
        in_channels=in_channels,
        classes=classes,
        answer=answer,
        preparation=preparation,
        seed=seed,
        digest="" if name is not None else code_digest(module),
        multiple=multiple,
        head=head,
        remarks=tuple(remarks),
    )
    model = Segmenter(module, bottlenecks, spec)
    model.sites = tuple(candidates)
    model.training = module.training
    if name is None:
        model.spec = spec.but(weights=GIVEN)
    else:
        model.spec = spec.but(fresh=weights_digest(model.state_dict()))
    return model


def _check_example(example: Tensor) -> None:
    """Refuse an example that is no tensor of real numbers (B, C, *S)."""
    if not isinstance(example, Tensor):
        raise RequestError(f"the example is a {type(example).__name__}: give a tensor, as torch.as_tensor makes it")
    if not example.is_floating_point():
        raise RequestError(
            f"the example is of {example.dtype}: give it as the network takes it, such as example.float()"
        )
    if example.ndim not in (4, 5):
        raise RequestError(
            f"the example has the shape {tuple(example.shape)}: give images (B, C, *S) with two or three axes *S, such "
            "as image[None]"
        )


def _uncut(network: nn.Module, *, copy: bool) -> nn.Module:
    """The network without what robustq has inserted into it before: a copy, or the network itself.

    Raises:
        RequestError: the network cannot be copied or cut, or it would itself have to be changed.
    """
    require_values(network)
    if isinstance(network, Segmenter):
        raise RequestError("this is a model that robustq.wrap returned, not a network: give its attribute network")
    if copy:
        network = plain_copy(network)
        remove_bound_hooks(network, Segmenter)
        return network
    if has_bound_hooks(network, Segmenter):
        raise RequestError(
            "robustq has cut this network already, with copy=False, so the quantiser of another model works in it: use "
            "that model, or a copy, which robustq.wrap(network, ...) makes without that quantiser"
        )
    return plain_itself(network)


def _with_numbers(network: nn.Module, example: Tensor, head: int | str | None) -> Tensor:
    """The example, or noise where the answer to the example holds NaN, as after dividing by the deviation of a constant
    image.

    Raises:
        RequestError: the answer to noise holds NaN too, or cannot be read.
    """
    noise = torch.rand(example.shape, generator=torch.Generator().manual_seed(0)).to(example)
    for images in (example, noise):
        scores = full_resolution(run_plain(network, images), images.shape[2:], head)
        require_batch(scores, images)
        if not scores.isnan().any():
            return images
    raise RequestError(
        "the network's answer holds NaN, for the example and for noise: look for the layer that makes it"
    )


def _read_off(
    network: nn.Module,
    example: Tensor,
    head: int | str | None,
    dims: int | None,
    in_channels: int | None,
    classes: int | None,
) -> tuple[int, int, int]:
    """Dimensions, image channels and output channels of a network given by hand.

    Raises:
        RequestError: the network does not run on the example, its output cannot be read, or it contradicts what was
            said.
    """
    scores = full_resolution(run_plain(network, example), example.shape[2:], head)
    for name, said, read in (
        ("dims", dims, example.ndim - 2),
        ("in_channels", in_channels, example.shape[1]),
        ("classes", classes, scores.shape[1]),
    ):
        if said is not None and said != read:
            source = "output" if name == "classes" else "example"
            more = ", background included" if name == "classes" else ""
            raise RequestError(
                f"{name}={said} was given, and the network's {source} has {read}: give {name}={read}{more}, or leave "
                "it out"
            )
    return example.ndim - 2, example.shape[1], scores.shape[1]


def _unsteady(network: nn.Module, example: Tensor, head: int | str | None) -> list[str]:
    """Remarks on a network whose answer to an image depends on more than the image."""
    steady = steadiness(network, example, head)
    if not steady.repeats:
        return [VARYING]
    return [] if steady.alone else [MIXING]


def _check_site(network: nn.Module, site: str, example: Tensor, head: int | str | None) -> None:
    """Refuse a site without a part in the answer that is scored, and one that is called for each image of a batch."""
    if (times := times_called(network, site, example)) > 1:
        raise RequestError(
            f"site {site!r} is called {times} times for a batch of images, and the network would be cut at each call: "
            "wrap the network inside the loop over the images"
        )
    if not reaches_answer(network, site, example, head):
        raise RequestError(
            f"changing what site {site!r} gives does not change the network's answer, so a quantiser there would be "
            "without effect: name another site with --at, or another answer with head (--head)"
        )


def wrap_trained(
    trained: Trained, quantise: str, *, preparation: Preparation | None = None, **arguments: Any
) -> Segmenter:
    """Wrap a network that another framework trained, with its weights.

    Args:
        trained: what the folder of the network says.
        quantise: as in `wrap`.
        preparation: used instead of the folder's.
        **arguments: other arguments of `wrap`, and settings of the architecture that change no weight.

    Raises:
        RequestError: the checkpoint cannot be used, or `wrap` refuses an argument.
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
