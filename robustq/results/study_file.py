"""The file study.json of a study: its steps, and how each one ended."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from robustq.errors import RequestError
from robustq.whole_file import whole_file

NAME = "study.json"


@dataclass(frozen=True)
class Step:
    """A step of a study.

    Attributes:
        kind: "train", "prior", "stress", "analyse" or "shift".
        name: the step in words; no other step has it.
        directory: folder of its files, relative to the folder of the study; "" if it could not be begun.
        reason: why it failed; "" if it is done.
        train: training set.
        test: test set; "" for a training.
        models: for each model of a run, the name of its entry in the study.
    """

    kind: str
    name: str
    directory: str = ""
    reason: str = ""
    train: str = ""
    test: str = ""
    models: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyFile:
    """What `study.json` holds.

    Attributes:
        study: name of the study.
        baseline: model that the others are compared with; None for no comparison.
        steps: the steps that ended, in their order.
    """

    study: str
    baseline: str | None
    steps: list[Step]

    def write(self, folder: Path) -> None:
        """Write the file into the folder of the study."""
        with whole_file(folder / NAME) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "StudyFile":
        """Read the file of a study.

        Raises:
            RequestError: the folder holds no study, or its file cannot be read.
        """
        try:
            document: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
            return cls(document["study"], document["baseline"], [Step(**step) for step in document["steps"]])
        except FileNotFoundError as error:
            raise RequestError(f"no study in {folder}: create one with robustq study FILE.toml --out") from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RequestError(f"{folder / NAME} cannot be read: {error}") from error
