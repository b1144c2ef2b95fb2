"""Runs a network in evaluation mode and restores its modes afterwards."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.first_convolution import first_convolution
from robustq.network.global_generators import kept_generators
from robustq.network.state import main_dtype
from robustq.shapes import by


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put the model in evaluation mode; afterwards each of its modules that was in training mode is so again."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def own_copy(value: Any) -> Any:
    """A copy of a tensor, so that a network can change it in place; any other value itself.

    The copy has the strides of the tensor, and gradients pass through it.
    """
    return value.clone() if isinstance(value, Tensor) else value


def does_not_run(shape: Iterable[int], error: Exception) -> RequestError:
    """The refusal of an input on which a network raises an error."""
    words = " ".join(str(error).split())
    if isinstance(error, TypeError | AttributeError):
        words += (
            ". robustq calls network(images) with one tensor (B, C, *S): put a network that needs something else into "
            "a module whose forward(self, images) gives it that"
        )
    if not isinstance(error, RuntimeError | ValueError):
        words = f"{type(error).__name__} {words}".rstrip()
    return RequestError(f"the network does not run on an input of {by(shape)}: {words}")


def takes_dict(key: str) -> RequestError:
    """The refusal of a network that takes a dict, with the name under which it looks for images."""
    return RequestError(
        "the network takes a dict, and robustq gives a network one tensor of images: put it into a module whose "
        f"forward(self, images) returns network({{{key!r}: images}}), and give that module, with a tensor as example"
    )


def _other_dims(refusal: RequestError, takes: int | None, shown: int) -> RequestError:
    """The refusal of 2D images by a network that seems to be 3D, or the reverse."""
    slices = "; preparation=robustq.Preparation(dims=2, ...) shows it volumes slice by slice" if takes == 2 else ""
    return RequestError(
        f"{str(refusal).rstrip('.')}. Its first convolution is {takes}D, and the image is {shown}D{slices}"
    )


class _Names(dict[str, Tensor]):
    """Takes the place of a network's input and records the names that the network looks up in it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []

    def __missing__(self, name: object) -> Tensor:
        self.asked.append(name)
        raise KeyError(name)

    def get(self, name: object, default: object = None) -> Any:
        self.asked.append(name)
        return default


def _dict_name(network: nn.Module) -> str | None:
    """The first name that a network looks up in its input; None if it does not take a dict."""
    names = _Names()
    try:
        with kept_generators(), evaluation_mode(network):
            network(names)
    except Exception:  # it gets no image, so it cannot run to the end
        pass
    return next((name for name in names.asked if isinstance(name, str)), None)


@torch.no_grad()
def output_of(network: nn.Module, images: Tensor) -> object:
    """As `run_plain`, for a network that is known to run: an error that it raises reaches the caller unchanged."""
    with kept_generators(), evaluation_mode(network):
        output: object = network(own_copy(images).to(main_dtype(network) or images.dtype))
    return output


def run_plain(network: nn.Module, images: Tensor) -> object:
    """The output of the network in evaluation mode; afterwards each of its modules has its former mode.

    A network that draws from the global generators draws the same each time, and leaves them as they were. It gets its
    own copy of the images, in its own dtype, so that it cannot change them.

    Raises:
        RequestError: the network does not run on images of this shape, or takes a dict.
    """
    try:
        return output_of(network, images)
    except RequestError:  # it is also a ValueError, but its message needs no change
        raise
    except Exception as error:  # a network given by hand may raise any error
        name = _dict_name(network)
        if name is not None:
            raise takes_dict(name) from error
        refusal = does_not_run(images.shape, error)
        dims, shown = first_convolution(network)[0], images.ndim - 2
        raise (refusal if dims in (None, shown) else _other_dims(refusal, dims, shown)) from error
