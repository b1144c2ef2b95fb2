"""Where a network is cut, and what its site gives there."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.model.spec import NO_SITE
from robustq.network.build import declared_site
from robustq.network.named_site import features_at
from robustq.network.plain_module import plain_name
from robustq.network.site_search import Site, find_bottleneck, find_sites


@dataclass(frozen=True)
class Cut:
    """Where a network is cut, and what its site gives there.

    Attributes:
        site: dotted name of the submodule that is cut; `NO_SITE` where there is none.
        maps: the feature maps that the site gives for the example, each (B, C, *T): its skips, then the bottleneck.
            Without a site, the example stands in for the bottleneck.
        candidates: the sites that probing found, the best first; empty where the site was named or declared.
    """

    site: str
    maps: Sequence[Tensor]
    candidates: Sequence[Site]

    @classmethod
    def find(
        cls,
        network: nn.Module,
        example: Tensor,
        *,
        at: str | None,
        name: str | None,
        head: int | str | None,
        required: bool,
    ) -> "Cut":
        """Cut at the site that the caller names, else at the declared one, else at the one that probing finds.

        Args:
            network: a network, which does not change.
            example: an image (B, C, *S) that it runs on.
            at: dotted name of a submodule; None where the caller names none.
            name: registered name of its architecture; None for a network given by hand.
            head: which entry of its output is the answer, as in `full_resolution`.
            required: whether a network without a bottleneck is refused.

        Raises:
            RequestError: there is no such submodule, it gives no feature map, or no bottleneck was found.
        """
        site = declared_site(network, name) if at is None else plain_name(at)
        candidates: Sequence[Site] = ()
        if site is None:
            candidates = (find_bottleneck if required else find_sites)(network, example, head)
            site = candidates[0].name if candidates else NO_SITE
        maps = [example] if site == NO_SITE and at is None else features_at(network, site, example)
        return cls(site, maps, tuple(candidates))

    def quantised_maps(self, skips: str) -> Sequence[Tensor]:
        """The feature maps that get a quantiser: the bottleneck alone, or the skips too.

        Args:
            skips: what is done to the skips, one of `SKIPS`.

        Raises:
            RequestError: something is to be done to skips, and the site gives none.
        """
        if skips != "keep" and len(self.maps) == 1:
            raise RequestError(
                f"skips={skips} needs a site that gives a list of feature maps, and {self.site!r} gives a single one: "
                "choose another site, or give skips=keep"
            )
        return self.maps if skips == "quantise" else self.maps[-1:]
