"""Make a segmenter from the name of an architecture, or from any nn.Module."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.bottleneck import build_bottlenecks
from robustq.model.interface import Interface
from robustq.model.json_arguments import json_arguments
from robustq.model.pretrained import Trained, open_trained
from robustq.model.segmenter import Segmenter
from robustq.model.spec import GIVEN, Spec
from robustq.model.uncut_network import UncutNetwork
from robustq.model.weights_digest import weights_digest
from robustq.network.code_digest import code_digest
from robustq.network.run_network import takes_dict
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
    if isinstance(network, nn.Module):
        if example is None:
            raise RequestError("wrapping an nn.Module needs example=x, an input (B, C, *S) that it runs on")
        if arguments:
            raise RequestError(
                f"{', '.join(arguments)} can be set only on an architecture given by name, and an nn.Module was given: "
                "leave it out"
            )
        uncut = UncutNetwork.given(network, example, head, classes=classes, copy=copy)
        dims, in_channels, classes = uncut.read_off(dims, in_channels, classes)
    elif (trained := open_trained(network, trust=trust)) is not None:
        return wrap_trained(trained, quantise, at=at, skips=skips, preparation=preparation, seed=seed, **arguments)
    interface = Interface.settled(dims, in_channels, classes, answer, preparation)
    if parsed.name == "none" and skips == "quantise":
        raise RequestError("skips=quantise has no quantiser to use with quantise=none: give a quantiser, or skips=keep")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if isinstance(network, str):
            uncut = UncutNetwork.fresh(network, interface, arguments, at=at, head=head)
        cut = uncut.cut(at, required=parsed.name != "none")
        maps = cut.quantised_maps(skips)
        bottlenecks = build_bottlenecks(parsed, [feature.shape[1] for feature in maps], dims=interface.dims)
        bottlenecks.to(maps[-1]).train(uncut.network.training)
        multiple = uncut.multiple()
        uncut.check_cut(cut, at)
        remarks = uncut.remarks(answer, interface.answer)
    by_hand = uncut.name is None
    spec = Spec(
        architecture=uncut.name,
        arguments=tuple(arguments.items()),
        quantise=parsed,
        site=cut.site,
        skips=skips,
        dims=interface.dims,
        in_channels=interface.in_channels,
        classes=interface.classes,
        answer=interface.answer,
        preparation=interface.preparation,
        seed=seed,
        weights=GIVEN if by_hand else "",
        digest=code_digest(uncut.network) if by_hand else "",
        multiple=multiple,
        head=head,
        remarks=tuple(remarks),
    )
    model = Segmenter(uncut.network, bottlenecks, spec)
    model.sites = tuple(cut.candidates)
    model.training = uncut.network.training
    if not by_hand:
        model.spec = spec.but(fresh=weights_digest(model.state_dict()))
    return model


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
