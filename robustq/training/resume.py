"""The file from which a training is resumed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustq.errors import RequestError
from robustq.model.device import Precision
from robustq.model.spec import Spec
from robustq.training.history import Epoch, History
from robustq.training.recipe import Recipe
from robustq.whole_file import whole_file

_MAY_CHANGE = ("learning_rate", "precision")
"""Settings that may change where the training ended because something was not finite."""


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands after a whole epoch.

    Attributes:
        model: state dict of the model.
        optimiser: state dict of the optimiser.
        best: state dict of the model after the best epoch so far.
        history: the epochs so far.
        precision: precision in which the training goes on; None in the file of an earlier version.
        reason: the reason for this precision, in words.
        changes: which settings changed between epochs, and when: one sentence a change.
        diverged: whether the training ended because something was not finite in the epoch that follows, in fp32 too.
        retried: whether it diverged with another learning rate or precision than it is to go on with. This is no part
            of the file.
        learning_rate: learning rate of the recipe that the last epoch followed; None before the first epoch. The file
            has it in its identity.
    """

    model: dict[str, Tensor]
    optimiser: dict[str, Any]
    best: dict[str, Tensor]
    history: History
    precision: Precision | None = None
    reason: str = ""
    changes: tuple[str, ...] = ()
    diverged: bool = False
    retried: bool = False
    learning_rate: float | None = None


def identity(spec: Spec, recipe: Recipe, fingerprints: Sequence[str]) -> dict[str, Any]:
    """The facts that must be equal to resume a training.

    The patience may change, and so may the number of epochs, unless the learning rate of every epoch depends on it.

    Args:
        spec: spec of the model before the training.
        recipe: recipe of the training.
        fingerprints: fingerprints of the training cases, in order.
    """
    settings = {key: value for key, value in recipe.to_dict().items() if key not in ("epochs", "patience")}
    if "schedule" in settings:
        settings["schedule"] += f" over {recipe.epochs} epochs"
    return {"spec": spec.but(training=None).to_dict(), "recipe": settings, "cases": list(fingerprints)}


@dataclass(frozen=True)
class ResumeFile:
    """The file that keeps the state of one training.

    What is read equals what was written, bit for bit. A file is written whole or not at all.

    Attributes:
        path: path of the file.
        identity: identity of the training, from the function `identity`.
    """

    path: Path
    identity: dict[str, Any]

    def write(self, state: TrainingState) -> None:
        """Write the state in place of what the file held before."""
        document = {
            "identity": self.identity,
            "model": state.model,
            "optimiser": state.optimiser,
            # What the best epoch has in common with the last one, such as frozen weights, is kept once.
            "best": {name: entry for name, entry in state.best.items() if not _same_bits(entry, state.model.get(name))},
            "history": [asdict(epoch) for epoch in state.history.epochs],
            "precision": state.precision,
            "reason": state.reason,
            "changes": list(state.changes),
            "diverged": state.diverged,
        }
        # Through a file object, because torch hides the reason of the system when it opens the file itself.
        with whole_file(self.path) as partial, partial.open("wb", buffering=0) as file:
            torch.save(document, file)

    def read(self) -> TrainingState | None:
        """The state that was written last, with its tensors on the CPU; None where there is no file.

        After a training that diverged, the learning rate and the precision may be others than the file's.

        Raises:
            RequestError: the file cannot be read, or it belongs to another training.
        """
        if not self.path.exists():
            return None
        try:
            document = torch.load(self.path, map_location="cpu", weights_only=True)
            diverged = document.get("diverged", False)
            differences = _differences(document["identity"], self.identity, _MAY_CHANGE if diverged else ())
        except Exception as error:  # torch.load raises whatever the file provokes
            raise RequestError(f"{self.path} cannot be read: delete it to start afresh") from error
        if differences:
            raise RequestError(
                f"{self.path} is of another training ({'; '.join(differences)}): give what it was begun with to "
                "continue it, delete it to start afresh, or give another --out"
            )
        return TrainingState(
            model=document["model"],
            optimiser=document["optimiser"],
            best=document["model"] | document["best"],
            history=History([Epoch(**line) for line in document["history"]]),
            precision=document.get("precision"),
            reason=document.get("reason", ""),
            changes=tuple(document.get("changes", ())),
            diverged=diverged,
            retried=document["identity"] != self.identity,
            learning_rate=document["identity"]["recipe"]["learning_rate"],
        )

    def delete(self) -> None:
        """Delete the file once the training is over; nothing happens where there is none."""
        self.path.unlink(missing_ok=True)


def _same_bits(one: object, other: object) -> bool:
    """Whether two entries of a state dict are tensors of equal form and bits. Equal is not enough: 0 equals -0."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return False
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    first, second = (tensor.detach().cpu().contiguous().flatten().view(torch.uint8) for tensor in (one, other))
    return first.equal(second)


def _differences(stored: Mapping[str, Any], asked: Mapping[str, Any], may_change: Sequence[str]) -> list[str]:
    """What differs between two identities, in words."""
    differences = []
    if stored["spec"] != asked["spec"]:
        differences.append("the model is another one")
    for name in sorted({*stored["recipe"], *asked["recipe"]} - {*may_change}):
        default = getattr(Recipe, name, None)
        before, now = stored["recipe"].get(name, default), asked["recipe"].get(name, default)
        if before != now:
            differences.append(f"{name} was {before} and is now {now}")
    if stored["cases"] != asked["cases"]:
        differences.append("the training cases are others")
    return differences
