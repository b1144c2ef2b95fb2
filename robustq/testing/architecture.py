"""A check that an architecture keeps its contract, for the tests of any project."""

from collections.abc import Callable

from torch import nn

from robustq.errors import RequestError
from robustq.network.image_sizes import accepted_images
from robustq.network.named_site import features_at
from robustq.network.output_masks import full_resolution
from robustq.network.run_network import run_plain


def check_architecture(factory: Callable[..., nn.Module]) -> None:
    """Check what `Architecture` promises, in 2D and 3D unless it refuses one of them, for one and several classes.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = getattr(factory, "__name__", repr(factory))
    accepted = 0
    for dims in (2, 3):
        for classes, channels in ((1, 1), (4, 3)):
            try:
                network = factory(in_channels=channels, classes=classes, dims=dims).eval()
            except RequestError:
                continue
            accepted += 1
            site = getattr(network, "site", getattr(factory, "site", None))
            images = next(accepted_images(network, in_channels=channels, dims=dims))
            logits = full_resolution(run_plain(network, images), images.shape[2:])
            expected = (1, classes, *images.shape[2:])
            assert logits.shape == expected, f"{name} gives logits of shape {tuple(logits.shape)}, not {expected}"
            if site is not None:
                bottleneck = features_at(network, site, images)[-1]
                assert bottleneck.ndim == dims + 2, (
                    f"{name}: the site gives the shape {tuple(bottleneck.shape)}, not that of a feature map in {dims}D"
                )
    assert accepted, f"{name} refuses both 2 and 3 dimensions"
