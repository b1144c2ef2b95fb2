"""The matched baseline of a quantised model: the same architecture and projections, without a codebook."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.model.bottleneck import Bottleneck, build_bottlenecks
from robustq.model.spec import Spec
from robustq.network.bound_hooks import remove_bound_hooks
from robustq.network.build import build_architecture, without_first_weights
from robustq.network.separate_copy import separate_copy
from robustq.request.quantise import Quantise


def fresh_network(spec: Spec) -> nn.Module:
    """A fresh network of the architecture that a spec names."""
    assert spec.architecture is not None, "checked by the caller"
    # The bundle holds the weights, so a library's pretrained weights are not downloaded again.
    arguments = without_first_weights(spec.architecture, dict(spec.arguments))
    return build_architecture(
        spec.architecture, dims=spec.dims, in_channels=spec.in_channels, classes=spec.classes, **arguments
    )


def matched_baseline(
    network: nn.Module,
    inserted: Sequence[Bottleneck],
    spec: Spec,
    *,
    keep_weights: bool,
    owner: type,
) -> tuple[nn.Module, nn.ModuleList, Spec]:
    """The parts of a segmenter with `identity:D` in place of the quantiser; see `Segmenter.without_quantiser`.

    Args:
        network: network of the quantised segmenter; it is not changed.
        inserted: bottlenecks of the quantised segmenter, one or more.
        spec: spec of the quantised segmenter.
        keep_weights: keep the weights instead of drawing fresh ones.
        owner: class of the segmenter, whose methods are hooks of the network; a copy is made without these hooks.

    Returns:
        Network, bottlenecks and spec of the baseline.

    Raises:
        RequestError: fresh weights are needed, and the network was given by hand and cannot draw them.
    """
    spec = spec.but(quantise=Quantise("identity", (inserted[-1].quantiser.dimension,)), prior=None)
    with torch.random.fork_rng():
        torch.manual_seed(spec.seed)
        if spec.architecture is not None and not keep_weights:
            network = fresh_network(spec)
        else:
            network = separate_copy(network, {}, share=True)
            remove_bound_hooks(network, owner)
            if not keep_weights:
                _start_afresh(network)
        bottlenecks = build_bottlenecks(spec.quantise, [bottleneck.channels for bottleneck in inserted], dims=spec.dims)
    if not keep_weights:
        nothing_known = {"weights": "", "weights_cases": None, "weights_validation": (), "calibration_cases": ()}
        return network, bottlenecks, spec.but(training=None, **nothing_known)
    for fresh, trained in zip(bottlenecks, inserted, strict=True):
        projections = {key: value for key, value in trained.state_dict().items() if not key.startswith("quantiser.")}
        fresh.load_state_dict(projections)
    remark = "its quantiser was taken out after training: not trained this way"
    return network, bottlenecks, spec.but(remarks=(*spec.remarks, remark))


def _start_afresh(network: nn.Module) -> None:
    for name, module in network.named_modules():
        reset = getattr(module, "reset_parameters", None)
        # Under weight_norm the weight is computed from other parameters, which resetting it would not change.
        computed = isinstance(vars(module).get("weight"), Tensor)
        if reset is not None and not computed:
            reset()
        elif next(module.parameters(recurse=False), None) is not None:
            raise RequestError(
                f"module {name!r} ({type(module).__name__}) cannot draw fresh weights: build the baseline with "
                "robustq.wrap(fresh_network, 'identity:D'), or give keep_weights=True"
            )
