"""Where a study keeps a training that is not to be repeated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from robustq.training.code_version import TRAINING_CODE
from robustq.whole_file import whole_file


def digest_of(document: object) -> str:
    """Sixteen hexadecimal digits that change when a document of JSON values does."""
    return sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:16]


def versions() -> dict[str, Any]:
    """The code that trains, as a part of what determines a training."""
    return {"torch": ".".join(torch.__version__.split(".")[:2]), "training_code": TRAINING_CODE}


@dataclass(frozen=True)
class KeptTraining:
    """A training in a folder whose name changes when what determines the training does.

    Attributes:
        trainings: folder of all trainings of the study.
        what: what determines the trained weights, as JSON values.
    """

    trainings: Path
    what: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The name of its folder."""
        return digest_of(self.what)

    @property
    def bundle(self) -> Path:
        """The trained bundle; its history and the file to resume from lie beside it."""
        return self.trainings / self.digest / "model.safetensors"

    @property
    def is_done(self) -> bool:
        """Whether the training was finished."""
        return self.bundle.exists() and not self.bundle.with_suffix(".resume.pt").exists()

    def note(self) -> None:
        """Write what determines the training beside its bundle."""
        with whole_file(self.bundle.with_name("what.json")) as partial:
            partial.write_text(json.dumps(self.what, indent=2, default=str) + "\n")
