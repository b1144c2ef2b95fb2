"""What tests on folders of trained networks share."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import robustq
from networks import noise
from robustq.model.segmenter import Segmenter


class Bomb:
    """Makes the file `went-off` in the working directory when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("went-off"),))


def edited(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file."""
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))


def stressed(model: Segmenter, size: Sequence[int]) -> pd.DataFrame:
    """The rows of a model on two cases of noise, at levels 0 and 10."""
    pairs = [
        (noise(model.spec.in_channels, *size, seed=seed), torch.randint(2, tuple(size), generator=torch.Generator()))
        for seed in range(2)
    ]
    return robustq.stress({"model": model}, pairs, levels=[10], draws=1).to_frame()
