"""Where a network that declares nothing is cut: found by probing, verified by intervention."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.feature_maps import open_features
from robustq.network.run_network import run_plain
from robustq.shapes import by

_SCALES = (2.0, 1.5, 3.0)
"""How much larger the second image is: the first of these that the network accepts."""

_CONSIDERED = 6
"""Sites that are tried by intervention: the choice and the runners-up."""


@dataclass(frozen=True)
class Site:
    """Where to cut.

    Attributes:
        name: dotted name of the submodule.
        extent: of its bottleneck on the example.
        channels: of its bottleneck.
        skips: feature maps that stand beside it in its output.
    """

    name: str
    extent: tuple[int, ...]
    channels: int
    skips: int


@dataclass(frozen=True)
class _Seen:
    """One call of one module."""

    name: str
    shapes: tuple[tuple[int, ...], ...]

    @property
    def extent(self) -> tuple[int, ...]:
        return self.shapes[-1][2:]

    @property
    def cells(self) -> int:
        return math.prod(self.extent)


def find_bottleneck(network: nn.Module, example: Tensor) -> list[Site]:
    """The site to cut at, first, and the runners-up.

    Two images of different size pass the network; a site gives a feature map coarser than the image whose extent
    grows with the image, so gates and global pools are none. The modules that the network itself calls are looked at
    first. An encoder that gives a list of maps, of which the last is the coarsest so far, is the site. Else it is the
    last module at the coarsest extent before anything finer comes back; and where a module reaches a coarser extent
    inside than any module gives, the search goes on in there. A site counts only if the network's output changes when
    the site's does.

    Args:
        network: left as it was.
        example: an input (B, C, *S) that it runs on.

    Raises:
        RequestError: the network does not run on the example, or has no spatial bottleneck.
    """
    size = tuple(example.shape[2:])
    calls = [call for call in _scaling(network, example) if min(call.extent) > 1 and call.cells < math.prod(size)]
    sites: list[Site] = []
    while calls and not sites:
        ordered = _order(calls)[:_CONSIDERED]
        sites = [
            Site(call.name, call.extent, call.shapes[-1][1], len(call.shapes) - 1)
            for call in ordered
            if intervention(network, call.name, example) > 0
        ]
        # A side branch that goes nowhere may be the coarsest: look again without it.
        idle = {call.name for call in ordered}
        calls = [call for call in calls if call.name not in idle]
    if not sites:
        raise RequestError(
            "no spatial bottleneck was found: no submodule gives a feature map that is coarser than the image "
            f"({by(size)}), grows with it and matters to the output; name one with --at, or give a larger image"
        )
    return sites


def _order(calls: Sequence[_Seen]) -> list[_Seen]:
    """The calls by how well they would do as a site."""
    inside: str | None = None
    while calls:
        siblings = [call for call in calls if _parent(call.name, calls) == inside]
        encoder = _encoder(siblings)
        coarsest = min((call.cells for call in siblings), default=math.inf)
        deeper = [call for call in calls if _within(call.name, inside) and call.cells < coarsest]
        if encoder is None and deeper:
            inside = next((call.name for call in siblings if _within(deeper[0].name, call.name)), deeper[0].name)
            continue
        first = next(place for place, call in enumerate(siblings) if call.cells == coarsest)
        # After the coarsest extent the way leads up again; what is coarse beyond that belongs to the decoder.
        beyond = next(
            (place for place, call in enumerate(siblings) if place > first and call.cells > coarsest), len(siblings)
        )
        chosen = encoder or siblings[beyond - 1]
        others = [call for call in reversed(siblings[first:beyond]) if call.name != chosen.name]
        within = [call for call in reversed(calls) if _within(call.name, chosen.name) and call.cells == chosen.cells]
        return [chosen, *others, *within]
    return []


def _encoder(siblings: Sequence[_Seen]) -> _Seen | None:
    """The first call that gives maps from fine to coarse, the last as coarse as anything so far."""
    reached = math.inf
    for call in siblings:
        cells = [math.prod(shape[2:]) for shape in call.shapes]
        reached = min(reached, cells[-1])
        if len(cells) > 1 and cells == sorted(cells, reverse=True) and cells[-1] == reached:
            return call
    return None


def _parent(name: str, calls: Sequence[_Seen]) -> str | None:
    """The nearest module around this one that was called too; a ModuleList never is."""
    around = [call.name for call in calls if name != call.name and _within(name, call.name)]
    return max(around, key=len, default=None)


def _within(name: str, outer: str | None) -> bool:
    return outer is None or (name != outer and name.startswith(f"{outer}."))


@torch.no_grad()
def intervention(network: nn.Module, site: str, example: Tensor) -> float:
    """How much the output changes, at most, when the bottleneck of a site is replaced by its mean over positions."""
    size = example.shape[2:]
    before = list(_tensors(run_plain(network, example)))
    if not before:
        raise RequestError("the network's output holds no tensor: give a network that returns its scores")

    def flatten(module: nn.Module, inputs: object, output: object) -> object:
        opened = open_features(output, size)
        if opened is None:
            return None
        *skips, bottleneck = opened.maps
        axes = tuple(range(2, bottleneck.ndim))
        flat = bottleneck.mean(axes, keepdim=True).expand_as(bottleneck)
        # Where the image itself is constant the mean changes nothing.
        return opened.put([*skips, flat + flat.abs().mean() + 1])

    handle = network.get_submodule(site).register_forward_hook(flatten)
    try:
        after = list(_tensors(run_plain(network, example)))
    finally:
        handle.remove()
    return max(float((two - one).abs().max()) for one, two in zip(before, after, strict=True))


def _watch(network: nn.Module, example: Tensor) -> list[_Seen]:
    """Every module's feature maps, in the order in which the modules finish."""
    seen: list[_Seen] = []
    handles = []
    size = example.shape[2:]
    for name, module in network.named_modules():
        if not name:
            continue

        def look(module: nn.Module, inputs: object, output: object, name: str = name) -> None:
            opened = open_features(output, size)
            if opened is not None:
                seen.append(_Seen(name, tuple(tuple(feature.shape) for feature in opened.maps)))

        handles.append(module.register_forward_hook(look))
    try:
        run_plain(network, example)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _scaling(network: nn.Module, example: Tensor) -> list[_Seen]:
    """The calls whose extent grows with the image on every axis; all, where the network runs on one size only.

    Modules that are called more than once, such as an activation that all layers share, are no site: each call would
    be cut.
    """
    seen = _watch(network, example)
    times = Counter(call.name for call in seen)
    calls = [call for call in seen if times[call.name] == 1]
    for scale in _SCALES:
        larger = nn.functional.interpolate(example, scale_factor=scale, mode="nearest")
        try:
            after = {call.name: call.extent for call in _watch(network, larger)}
        except RequestError:
            continue
        return [
            call
            for call in calls
            if call.name in after and all(two > one for one, two in zip(call.extent, after[call.name], strict=True))
        ]
    return calls


def _tensors(output: object) -> Iterator[Tensor]:
    """Every tensor of floats in a network's output, in its order."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
        return
    entries = output.values() if hasattr(output, "values") else output
    if not isinstance(entries, str) and hasattr(entries, "__iter__"):
        for entry in entries:
            yield from _tensors(entry)
