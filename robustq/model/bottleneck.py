"""Where a network is cut, and what is inserted there."""

from collections.abc import Sequence
from difflib import get_close_matches

from torch import Tensor, nn

from robustq.errors import RequestError, unknown
from robustq.features import require_features
from robustq.plain import run_plain
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.request.quantise import Quantise

SKIPS = ("keep", "drop", "quantise")


class Bottleneck(nn.Module):
    """A quantiser between two 1×1 projections, C→D before and D→C after (definitions: symbols).

    Maps a feature map (B, C, *T) to one of the same shape.

    Args:
        quantiser: what stands between the projections.
        channels: C.
        dims: spatial axes of the feature map.
    """

    def __init__(self, quantiser: AbstractQuantiser, *, channels: int, dims: int) -> None:
        super().__init__()
        self.channels = channels
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dims]
        self.project_in = convolution(channels, quantiser.dimension, 1)
        self.quantiser: AbstractQuantiser = quantiser
        self.project_out = convolution(quantiser.dimension, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The feature map with its tokens quantised; the quantiser's loss is dropped."""
        quantised: Quantised = self.quantiser(self.project_in(features))
        restored: Tensor = self.project_out(quantised.quantised)
        return restored


def find_site(network: nn.Module, at: str) -> nn.Module:
    """The submodule of that dotted name.

    Raises:
        RequestError: there is none; the nearest names are in the message.
    """
    sites: dict[str, nn.Module] = dict(network.named_modules())
    if not at or at not in sites:
        near = get_close_matches(at, sites, n=3, cutoff=0.5)
        raise unknown("site", at, near or (name for name in sites if name and "." not in name))
    return sites[at]


def features_at(network: nn.Module, at: str, example: Tensor) -> list[Tensor]:
    """What the site gives for an example: the skips from fine to coarse, if it has any, then the bottleneck.

    Raises:
        RequestError: the network does not run on the example, the site's output is not a feature map, or the site is
            called more than once, so that the network would be cut at each call.
    """
    seen: list[object] = []
    handle = find_site(network, at).register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        run_plain(network, example)
    finally:
        handle.remove()
    if not seen:
        raise RequestError(f"site {at!r} is not reached by a forward pass: name another one with --at")
    if len(seen) > 1:
        raise RequestError(
            f"site {at!r} is called {len(seen)} times in a forward pass, and each would be cut: name a module that is "
            "called once, such as the convolution before it"
        )
    return require_features(seen[0], example.shape[2:], at).maps


def build_bottlenecks(quantise: Quantise, channels: Sequence[int], *, dims: int) -> nn.ModuleList:
    """Fresh bottlenecks, one for each feature map to quantise, given its channels; none for `none`."""
    if quantise.name == "none":
        return nn.ModuleList()
    bottlenecks = nn.ModuleList()
    for count in channels:
        quantiser = quantise.build()
        assert quantiser is not None, "only `none` builds nothing"
        bottlenecks.append(Bottleneck(quantiser, channels=count, dims=dims))
    return bottlenecks
