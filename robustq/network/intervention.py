"""Changes what a site gives, and looks whether the network's answer changes."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.feature_maps import open_features
from robustq.network.output_masks import full_resolution
from robustq.network.run_network import output_of, run_plain
from robustq.network.separate_copy import separate_copy


def intervention(network: nn.Module, site: str, example: Tensor, head: int | str | None = None) -> float:
    """The largest change of the answer when the bottleneck of a site is replaced by a constant for each channel.

    The answer is the tensor of class scores that is scored; all tensors of the output where there is no such tensor.

    Args:
        network: a network, which does not change.
        site: dotted name of a submodule.
        example: an input that the network runs on.
        head: which entry of the output is the answer, as in `full_resolution`.

    Raises:
        RequestError: the network does not run on the example, or its output holds no tensor.
    """
    return _largest_change(network, site, example, head, _flat)


def reaches_answer(network: nn.Module, site: str, example: Tensor, head: int | str | None = None) -> bool:
    """Whether what a site gives has a part in the answer that is scored, also under other weights or for other images.

    A constant image, a last layer that starts at zero, or a normalisation after the site can hide a change. So noise
    is tried too, first in the image and the bottleneck, then also in the weights of a copy of the network.

    Args:
        network: a network, which does not change.
        site: dotted name of a submodule.
        example: an input that the network runs on.
        head: as in `intervention`.
    """
    if intervention(network, site, example, head) > 0:
        return True
    generator = torch.Generator().manual_seed(0)
    image = _noise(example, generator)

    def noisy(bottleneck: Tensor) -> Tensor:
        return bottleneck + _noise(bottleneck, generator)

    if _largest_change(network, site, image, head, noisy) > 0:
        return True
    other = separate_copy(network, {}, share=True)
    with torch.no_grad():
        for parameter in other.parameters():
            if parameter.is_floating_point():
                parameter.add_(0.1 * _noise(parameter, generator))
    return _largest_change(other, site, image, head, noisy) > 0


def answer_change(network: nn.Module, site: str, image: Tensor, head: int | str | None = None) -> float:
    """The largest change of the answer, as a share of its largest score, when what a site gives is changed.

    It is replaced by a constant for each channel, then by itself plus noise (docs/definitions.md, Liveness).

    Args:
        network: a network, which does not change.
        site: dotted name of a submodule.
        image: an input that the network runs on.
        head: as in `intervention`.
    """
    generator = torch.Generator().manual_seed(0)
    changes = [
        _largest_change(network, site, image, head, change, output_of)
        for change in (_flat, lambda bottleneck: bottleneck + _noise(bottleneck, generator))
    ]
    answer = _answer(output_of(network, image), image.shape[2:], head)
    largest = max(float(scores.masked_fill(scores.isinf(), 0).abs().max()) for scores in answer)
    return max(changes) / largest if largest > 0 else max(changes)


def _flat(bottleneck: Tensor) -> Tensor:
    flat = bottleneck.mean(tuple(range(2, bottleneck.ndim)), keepdim=True).expand_as(bottleneck)
    # The offset is needed because the mean alone changes nothing where the image is constant.
    return flat + flat.abs().mean() + 1


def _noise(tensor: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(tensor.shape, generator=generator).to(tensor)


@torch.no_grad()
def _largest_change(
    network: nn.Module,
    site: str,
    image: Tensor,
    head: int | str | None,
    change: Callable[[Tensor], Tensor],
    run: Callable[[nn.Module, Tensor], object] = run_plain,
) -> float:
    size = image.shape[2:]
    before = [scores.clone() for scores in _answer(run(network, image), size, head)]
    if not before:
        raise RequestError("the network's output holds no tensor: give a network that returns its scores")

    def replace(module: nn.Module, inputs: object, output: object) -> object:
        opened = open_features(output, size)
        if opened is None:
            return None
        *skips, bottleneck = opened.maps
        return opened.put([*skips, change(bottleneck)])

    handle = network.get_submodule(site).register_forward_hook(replace, prepend=True)
    try:
        after = _answer(run(network, image), size, head)
    finally:
        handle.remove()
    # Some networks give minus infinity for classes that they rule out; infinity minus infinity would be NaN.
    return max(
        float((changed - scores).masked_fill(changed == scores, 0).abs().max())
        for scores, changed in zip(before, after, strict=True)
    )


def _answer(output: object, size: torch.Size, head: int | str | None) -> list[Tensor]:
    try:
        return [full_resolution(output, size, head)]
    except RequestError:
        return list(_tensors(output))


def _tensors(output: object) -> Iterator[Tensor]:
    """Every floating-point tensor in a network's output, in the order of the output."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
        return
    entries = output.values() if hasattr(output, "values") else output
    if not isinstance(entries, str) and hasattr(entries, "__iter__"):
        for entry in entries:
            yield from _tensors(entry)
