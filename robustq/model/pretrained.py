"""Open a network that another framework trained and left on disk, as `--arch NAME:PATH` names it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from robustq import registry
from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.weights import Loaded, load_weights
from robustq.network.output_masks import count_labels, numbered_labels


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
        unsaid: what the folder does not say, so that the user may: "answer", and names of fields of the preparation.
        advice: for a name in `unsaid`, a sentence on the value that the network was probably trained with.
        translate: gives the checkpoint's tensors the names that they have in the network, where the framework stores
            other names. It leaves tensors that it does not know as they are.
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
    unsaid: tuple[str, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)
    translate: Callable[[nn.Module, dict[str, Tensor]], dict[str, Tensor]] | None = None

    def completed(self, given: Mapping[str, Any]) -> "Trained":
        """The same network, with the user's values for what the folder does not say.

        Args:
            given: values for names in `unsaid`; None where the user gave none.
        """
        values = {name: value for name, value in given.items() if value is not None}
        answer = values.pop("answer", self.answer)
        if values.get("mean_std") is not None:
            values.setdefault("normalise", "mean-std")
        if answer != self.answer and "labels" not in values:
            values["labels"] = numbered_labels(count_labels(self.classes, answer))
        return replace(self, answer=answer, preparation=replace(self.preparation, **values))

    def fill(self, network: nn.Module) -> Loaded:
        """Load the checkpoint into a fresh network.

        Raises:
            RequestError: the checkpoint cannot be read, or its tensors are not exactly those of this network.
        """
        translate = None if self.translate is None else partial(self.translate, network)
        loaded = load_weights(network, self.checkpoint, allow_missing=True, translate=translate)
        if loaded.missing or loaded.unused:
            raise RequestError(
                f"{self.checkpoint} is not the checkpoint of the network that its folder describes ({loaded.text}): a "
                "trainer that builds another network is not supported"
            )
        return loaded


@runtime_checkable
class ReadsFolder(Protocol):
    """An architecture that can read the folders in which its framework leaves trained networks."""

    def read(self, path: str, *, trust: bool = False) -> Trained:
        """Read what the folder says about its network. Without `trust`, nothing in the folder is executed.

        Args:
            path: the folder.
            trust: whether code in the folder may run. A folder that cannot be read without it is refused in words that
                name `--trust`; a reader that never runs code ignores it.

        Raises:
            RequestError: there is no such folder, or it cannot be used.
        """
        ...


def read_json(file: Path, framework: str) -> dict[str, Any]:
    """The JSON object in a file of a folder that a framework wrote.

    Raises:
        RequestError: there is no such file, or it holds something else.
    """
    if not file.is_file():
        raise RequestError(f"there is no {file.name} in {file.parent}: give a folder as {framework} wrote it")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{file} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise RequestError(f"{file} is not as {framework} writes it: it holds no JSON object")
    return document


def whole_number(value: object, name: str, file: Path) -> int:
    """A number above 0 that a framework's file holds.

    Raises:
        RequestError: it is something else.
    """
    if type(value) is not int or value < 1:
        raise RequestError(f"{file} has {name}={value!r}: it must be a whole number above 0")
    return value


def open_trained(text: str, *, trust: bool = False) -> Trained | None:
    """The trained network that `NAME:PATH` names, or None where the text does not have that form.

    A registered name wins over a folder of the same name: `smp:unet` is an architecture, `smp:./unet` is a folder.

    Args:
        text: name of a registered architecture, a colon, and a path.
        trust: whether code in the folder may run, such as the expressions in a configuration.

    Raises:
        RequestError: the path cannot be used.
    """
    name, colon, path = text.partition(":")
    architectures = registry.names("architectures")
    if not colon or text in architectures or name not in architectures:
        return None
    family = any(other.startswith(f"{name}:") for other in architectures)
    if family and "/" not in path and not Path(path).exists():
        return None  # a misspelt name of the family; the registry then answers with the nearest names
    architecture = registry.load("architectures", name)
    if not isinstance(architecture, ReadsFolder):
        raise RequestError(f"architecture {name!r} reads no folder, and {path!r} was given after it: give {name} alone")
    return architecture.read(path, trust=trust)
