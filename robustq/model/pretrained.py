"""Open a network that another framework trained and left on disk, as `--arch NAME:PATH` names it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

from robustq import registry
from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.weights import Loaded, load_weights


@dataclass(frozen=True)
class Trained:
    """What a framework's folder says about the network that it trained. No weight is read yet.

    The settings go into the bundle, so that the network is rebuilt without the folder.

    Attributes:
        architecture: registered name of the architecture.
        arguments: settings of the architecture, JSON values.
        dims: number of spatial axes.
        in_channels: number of image channels.
        classes: number of output channels.
        answer: how outputs become masks.
        preparation: what was done to a case in training, as far as a preparation can express it.
        checkpoint: a file that `robustq.model.weights.load_weights` reads.
        remarks: what a reader must know wherever the model appears, such as what the preparation cannot express.
    """

    architecture: str
    arguments: dict[str, Any]
    dims: int
    in_channels: int
    classes: int
    answer: str
    preparation: Preparation
    checkpoint: Path
    remarks: tuple[str, ...] = ()

    def fill(self, network: nn.Module) -> Loaded:
        """Load the checkpoint into a fresh network.

        Raises:
            RequestError: the checkpoint cannot be read, or its tensors are not exactly those of this network.
        """
        loaded = load_weights(network, self.checkpoint, allow_missing=True)
        if loaded.missing or loaded.unused:
            raise RequestError(
                f"{self.checkpoint} is not the checkpoint of the network that its folder describes ({loaded.text}): a "
                "trainer that builds another network is not supported"
            )
        return loaded


@runtime_checkable
class ReadsFolder(Protocol):
    """An architecture that can read the folders in which its framework leaves trained networks."""

    def read(self, path: str) -> Trained:
        """Read what the folder says about its network.

        Raises:
            RequestError: there is no such folder, or it cannot be used.
        """
        ...


def open_trained(text: str) -> Trained | None:
    """The trained network that `NAME:PATH` names, or None where the text does not have that form.

    Raises:
        RequestError: the path cannot be used.
    """
    name, colon, path = text.partition(":")
    architectures = registry.names("architectures")
    if not colon or text in architectures or name not in architectures:
        return None
    architecture = registry.load("architectures", name)
    if not isinstance(architecture, ReadsFolder):
        raise RequestError(f"architecture {name!r} reads no folder, and {path!r} was given after it: give {name} alone")
    return architecture.read(path)
