"""The file from which a killed training is resumed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustq.errors import RequestError
from robustq.model.spec import Spec
from robustq.training.history import Epoch, History
from robustq.training.recipe import Recipe
from robustq.whole_file import whole_file


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands after a whole epoch.

    Attributes:
        model: state dict of the model.
        optimiser: state dict of the optimiser.
        best: state dict of the model after the best epoch so far.
        history: the epochs so far.
    """

    model: dict[str, Tensor]
    optimiser: dict[str, Any]
    best: dict[str, Tensor]
    history: History


def identity(spec: Spec, recipe: Recipe, fingerprints: Sequence[str]) -> dict[str, Any]:
    """The facts that must be equal to resume a training. The number of epochs and the patience may change.

    Args:
        spec: spec of the model before the training.
        recipe: recipe of the training.
        fingerprints: fingerprints of the training cases, in order.
    """
    settings = {key: value for key, value in recipe.to_dict().items() if key not in ("epochs", "patience")}
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
            "best": state.best,
            "history": [asdict(epoch) for epoch in state.history.epochs],
        }
        with whole_file(self.path) as partial:
            torch.save(document, partial)

    def read(self) -> TrainingState | None:
        """The state that was written last, with its tensors on the CPU; None where there is no file.

        Raises:
            RequestError: the file cannot be read, or it belongs to another training.
        """
        if not self.path.exists():
            return None
        try:
            document = torch.load(self.path, map_location="cpu", weights_only=True)
            is_same_training = document["identity"] == self.identity
        except Exception as error:  # torch.load raises whatever the file provokes
            raise RequestError(f"{self.path} cannot be read: delete it to start afresh") from error
        if not is_same_training:
            raise RequestError(
                f"{self.path} is of another training (model, recipe or cases differ): delete it to start "
                "afresh, or give another --out"
            )
        history = History([Epoch(**line) for line in document["history"]])
        return TrainingState(document["model"], document["optimiser"], document["best"], history)

    def delete(self) -> None:
        """Delete the file once the training is over; nothing happens where there is none."""
        self.path.unlink(missing_ok=True)
