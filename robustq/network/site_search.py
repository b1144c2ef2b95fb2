"""Finds where to cut a network that declares no site: probing finds candidates, and an intervention verifies them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.feature_maps import open_features
from robustq.network.intervention import intervention
from robustq.network.run_network import run_plain
from robustq.shapes import by

_SCALES = (2.0, 1.5, 3.0)
"""Factors by which the second image is larger. The first factor that the network accepts is used."""

_CONSIDERED = 6
"""Number of sites that are verified by intervention: the best one and the runners-up."""


@dataclass(frozen=True)
class Site:
    """A place where a network can be cut.

    Attributes:
        name: dotted name of the submodule.
        extent: extent of its bottleneck for the example.
        channels: number of channels of its bottleneck.
        skips: number of further feature maps in its output.
    """

    name: str
    extent: tuple[int, ...]
    channels: int
    skips: int


@dataclass(frozen=True)
class _Call:
    """One call of one module, with the shapes of the feature maps that it gave."""

    name: str
    shapes: tuple[tuple[int, ...], ...]

    @property
    def extent(self) -> tuple[int, ...]:
        return self.shapes[-1][2:]

    @property
    def cells(self) -> int:
        return math.prod(self.extent)


def find_bottleneck(network: nn.Module, example: Tensor, head: int | str | None = None) -> list[Site]:
    """The best site to cut the network at, followed by the runners-up.

    The network runs on two images of different size. A site gives a feature map that is coarser than the image and
    grows with it, so gates and global pools are not sites. The search begins with the modules that the network itself
    calls. If an encoder gives a list of maps and the last map is the coarsest so far, the encoder is the site. If there
    is no such encoder, the site is the last module at the coarsest extent before the extents grow again. If a module
    reaches a coarser extent inside than any of these modules gives, the search goes on inside that module. A site is
    accepted only if a change of its output changes the answer of the network that is scored.

    Args:
        network: a network, which does not change.
        example: an input (B, C, *S) that the network runs on.
        head: which entry of the network's output is scored, as in `full_resolution`.

    Raises:
        RequestError: the network does not run on the example, or has no spatial bottleneck.
    """
    sites = find_sites(network, example, head)
    if sites:
        return sites
    times = Counter(call.name for call in _watch_batch(network, example))
    repeated = next((name for name, count in times.items() if count > 1), None)
    hint = ""
    if repeated is not None:
        hint = (
            f". Modules such as {repeated!r} are called {times[repeated]} times in a pass and are no sites: if the "
            "network loops over images, windows or flips, wrap the network inside that loop"
        )
    raise RequestError(
        "no spatial bottleneck was found: no submodule gives a feature map that is coarser than the image "
        f"({by(example.shape[2:])}), grows with it and changes the answer; name a submodule with at=NAME (--at), "
        f"or give a larger image{hint}"
    )


def find_sites(network: nn.Module, example: Tensor, head: int | str | None = None) -> list[Site]:
    """As `find_bottleneck`, for networks that may have no spatial bottleneck; empty where there is none."""
    size = tuple(example.shape[2:])
    calls = [call for call in _scaling(network, example) if min(call.extent) > 1 and call.cells < math.prod(size)]
    sites: list[Site] = []
    while calls and not sites:
        ordered = _order(calls)[:_CONSIDERED]
        sites = [
            Site(call.name, call.extent, call.shapes[-1][1], len(call.shapes) - 1)
            for call in ordered
            if intervention(network, call.name, example, head) > 0
        ]
        # The coarsest modules may be a side branch that does not reach the output: search again without them.
        idle = {call.name for call in ordered}
        calls = [call for call in calls if call.name not in idle]
    return sites


def _order(calls: Sequence[_Call]) -> list[_Call]:
    """The calls that may be a site, the best first."""
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
        # After the coarsest extent, extents grow again. Coarse modules after that point belong to the decoder.
        decoder = next(
            (place for place, call in enumerate(siblings) if place > first and call.cells > coarsest), len(siblings)
        )
        chosen = encoder or siblings[decoder - 1]
        beside = [call for call in reversed(siblings[first:decoder]) if call.name != chosen.name]
        within = [call for call in reversed(calls) if _within(call.name, chosen.name) and call.cells == chosen.cells]
        return [chosen, *beside, *within]
    return []


def _encoder(siblings: Sequence[_Call]) -> _Call | None:
    """The first call that gives several maps, from fine to coarse, if no earlier call ends in a coarser map."""
    reached = math.inf
    for call in siblings:
        cells = [math.prod(shape[2:]) for shape in call.shapes]
        reached = min(reached, cells[-1])
        if len(cells) > 1 and cells == sorted(cells, reverse=True) and cells[-1] == reached:
            return call
    return None


def _parent(name: str, calls: Sequence[_Call]) -> str | None:
    """The nearest enclosing module that was called too. A ModuleList is never called."""
    around = [call.name for call in calls if name != call.name and _within(name, call.name)]
    return max(around, key=len, default=None)


def _within(name: str, outer: str | None) -> bool:
    return outer is None or (name != outer and name.startswith(f"{outer}."))


def _watch(network: nn.Module, example: Tensor) -> list[_Call]:
    """Each call of a module that gives feature maps, in the order in which the calls end."""
    calls: list[_Call] = []
    handles = []
    size = example.shape[2:]
    for name, module in network.named_modules():
        if not name or isinstance(module, torch.jit.ScriptModule):  # TorchScript takes no hook
            continue

        def record(module: nn.Module, inputs: object, output: object, name: str = name) -> None:
            opened = open_features(output, size)
            if opened is not None:
                calls.append(_Call(name, tuple(tuple(feature.shape) for feature in opened.maps)))

        handles.append(module.register_forward_hook(record, prepend=True))
    try:
        run_plain(network, example)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _watch_batch(network: nn.Module, example: Tensor) -> list[_Call]:
    """As `_watch`, for a batch of two or more images, because a network may loop over the images of a batch."""
    if len(example) == 1:
        try:
            return _watch(network, torch.cat([example, example]))
        except RequestError:  # some networks take one image at a time
            pass
    return _watch(network, example)


def times_called(network: nn.Module, site: str, example: Tensor) -> int:
    """How often a site is called in a pass of a batch."""
    return sum(call.name == site for call in _watch_batch(network, example))


def _scaling(network: nn.Module, example: Tensor) -> list[_Call]:
    """The calls whose extent grows with the image on every axis; all calls if the network runs on only one size.

    A module that is called more than once, such as an activation that all layers share, is not a site, because the
    network would be cut at each call.
    """
    every_call = _watch_batch(network, example)
    times = Counter(call.name for call in every_call)
    calls = [call for call in every_call if times[call.name] == 1]
    for scale in _SCALES:
        larger = nn.functional.interpolate(example, scale_factor=scale, mode="nearest")
        try:
            grown = {call.name: call.extent for call in _watch(network, larger)}
        except RequestError:
            continue
        return [
            call
            for call in calls
            if call.name in grown
            and all(large > small for small, large in zip(call.extent, grown[call.name], strict=True))
        ]
    return calls
