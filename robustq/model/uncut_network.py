"""A network before it is cut, with an image that it runs on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robustq import registry
from robustq.errors import RequestError
from robustq.model.cut import Cut
from robustq.model.interface import Interface
from robustq.model.segmenter import Segmenter
from robustq.model.spec import BOUNDED, MIXING, NO_SITE, VARYING
from robustq.network.bound_hooks import has_bound_hooks, remove_bound_hooks
from robustq.network.bounded_answer import gives_probabilities
from robustq.network.build import build_architecture, declared_site
from robustq.network.image_sizes import find_multiple, probe
from robustq.network.intervention import reaches_answer
from robustq.network.output_masks import full_resolution, require_batch, require_one_answer
from robustq.network.plain_module import plain_copy, plain_itself, require_values
from robustq.network.run_network import run_plain
from robustq.network.site_search import times_called
from robustq.network.steadiness import steadiness


@dataclass(frozen=True)
class UncutNetwork:
    """A network before it is cut, with an image that it runs on.

    Attributes:
        network: the network.
        example: an image (B, C, *S) that it runs on.
        head: which entry of its output is the answer, as in `full_resolution`.
        name: registered name of its architecture; None for a network given by hand.
    """

    network: nn.Module
    example: Tensor
    head: int | str | None
    name: str | None = None

    @classmethod
    def given(
        cls, network: nn.Module, example: Tensor, head: int | str | None, *, classes: int | None, copy: bool
    ) -> "UncutNetwork":
        """A network given by hand.

        Args:
            network: any network.
            example: an image (B, C, *S). Where the network's answer to it holds NaN, as after dividing by the deviation
                of a constant image, noise of this size is the example.
            head: which entry of the output is the answer.
            classes: the number of output channels that the caller gave.
            copy: whether the network is copied; otherwise it is itself the one that is cut.

        Raises:
            RequestError: the example is no tensor of images, or the network cannot be copied or cut, does not run on
                the example, or its answer cannot be read or holds NaN.
        """
        _check_example(example)
        network = _uncut(network, copy=copy)
        if head is None:
            require_one_answer(run_plain(network, example), example.shape[2:], classes)
        noise = torch.rand(example.shape, generator=torch.Generator().manual_seed(0)).to(example)
        for images in (example, noise):
            uncut = cls(network, images, head)
            scores = uncut.scores()
            require_batch(scores, images)
            if not scores.isnan().any():
                return uncut
        raise RequestError(
            "the network's answer holds NaN, for the example and for noise: look for the layer that makes it"
        )

    @classmethod
    def fresh(
        cls, name: str, interface: Interface, arguments: Mapping[str, Any], *, at: str | None, head: int | str | None
    ) -> "UncutNetwork":
        """A network of a registered architecture with fresh weights, from the global generator.

        Args:
            name: name of the architecture.
            interface: what goes into the network, and what comes out of it.
            arguments: settings of the architecture.
            at: dotted name of the submodule to cut at; None where the caller names none.
            head: which entry of the output is the answer.

        Raises:
            RequestError: the architecture or one of its settings does not exist, or it runs on no image that was tried.
        """
        name = registry.canonical("architectures", name)
        dims, in_channels, classes = interface.dims, interface.in_channels, interface.classes
        network = build_architecture(name, dims=dims, in_channels=in_channels, classes=classes, **arguments)
        prepared = interface.preparation
        size = prepared.patch or prepared.crop or prepared.size
        example = probe(network, at or declared_site(network, name), in_channels=in_channels, dims=dims, size=size)
        if head is None:
            require_one_answer(run_plain(network, example), example.shape[2:], classes)
        return cls(network, example, head, name)

    def scores(self) -> Tensor:
        """The class scores (B, classes, *S) for the example.

        Raises:
            RequestError: the network does not run on the example, or its output cannot be read.
        """
        return full_resolution(run_plain(self.network, self.example), self.example.shape[2:], self.head)

    def read_off(self, dims: int | None, in_channels: int | None, classes: int | None) -> tuple[int, int, int]:
        """Dimensions, image channels and output channels, from the example and the output.

        Args:
            dims: what the caller gave; None where that is nothing.
            in_channels: likewise.
            classes: likewise.

        Raises:
            RequestError: example or output contradict what the caller gave.
        """
        read_classes = self.scores().shape[1]
        for name, given, read, source, more in (
            ("dims", dims, self.example.ndim - 2, "example", ""),
            ("in_channels", in_channels, self.example.shape[1], "example", ""),
            ("classes", classes, read_classes, "output", ", background included"),
        ):
            if given is not None and given != read:
                raise RequestError(
                    f"{name}={given} was given, and the network's {source} has {read}: give {name}={read}{more}, or "
                    "leave it out"
                )
        return self.example.ndim - 2, self.example.shape[1], read_classes

    def cut(self, at: str | None, *, required: bool) -> Cut:
        """Where the network is cut; arguments and errors as in `Cut.find`."""
        return Cut.find(self.network, self.example, at=at, name=self.name, head=self.head, required=required)

    def multiple(self) -> int:
        """The number that image extents must be multiples of, as `find_multiple` finds it."""
        return find_multiple(self.network, self.example, self.head)

    def check_cut(self, cut: Cut, at: str | None) -> None:
        """Refuse a site that nobody has verified if it has no part in the answer, or is called for each image.

        Probing verifies the sites that it finds, and the sites that architectures declare are known to be good.

        Args:
            cut: where the network is cut.
            at: dotted name that the caller gave.
        """
        site = cut.site
        if cut.candidates or site == NO_SITE or (at is None and self.name is not None):
            return
        if (times := times_called(self.network, site, self.example)) > 1:
            raise RequestError(
                f"site {site!r} is called {times} times for a batch of images, and the network would be cut at each "
                "call: wrap the network inside the loop over the images"
            )
        if not reaches_answer(self.network, site, self.example, self.head):
            raise RequestError(
                f"changing what site {site!r} gives does not change the network's answer, so a quantiser there would "
                "be without effect: name another site with --at, or another answer with head (--head)"
            )

    def remarks(self, answer: str | None, default: str) -> list[str]:
        """What a reader must know of the network: how its outputs are read, and what its answers depend on.

        Args:
            answer: how outputs become masks, as the caller gave it.
            default: how they become masks if the caller gave nothing.
        """
        remarks = []
        if answer is None and gives_probabilities(self.network, self.example, self.head):
            remarks.append(BOUNDED.format(answer=default))
        if self.name is None:
            steady = steadiness(self.network, self.example, self.head)
            if not steady.repeats:
                remarks.append(VARYING)
            elif not steady.alone:
                remarks.append(MIXING)
        return remarks


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
