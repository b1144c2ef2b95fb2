"""Trainings that one process or several can run."""

from pathlib import Path
from typing import Any

from torch import nn

import robustq
from networks import small
from robustq.data.open_dataset import open_dataset
from robustq.errors import MainProcessError, RequestError
from robustq.model.segmenter import Segmenter
from robustq.training.recipe import Recipe

DATA = "phantom:cases=7,domain=A"
RECIPE = Recipe(
    epochs=3, batch_size=4, precision="fp32", learning_rate=1e-2, schedule="cosine", augment_noise="gaussian:0..30"
)
"""Batches of 4 and of 1 image, so that two processes get 2 and 2 images, then 1 and none."""


def phantom_model(quantise: str, *, dropout: float = 0.0) -> Segmenter:
    """A small segmenter for the phantom; with dropout before its bottleneck, the processes draw random numbers."""
    labels = tuple(sorted(open_dataset("phantom").labels.items()))
    preparation = robustq.Preparation(dims=2, size=(16, 16), labels=labels)
    model = small(quantise, classes=4, preparation=preparation)
    if dropout:
        model.network.get_submodule(model.spec.site).register_forward_pre_hook(
            lambda module, inputs: tuple(nn.functional.dropout(part, dropout, module.training) for part in inputs)
        )
    return model


def train(quantise: str, out: Path, *, dropout: float = 0.0) -> tuple[dict[str, Any], list[float]]:
    """The weights after a training, and the losses that this process was told."""
    losses: list[float] = []
    trained = robustq.train(
        phantom_model(quantise, dropout=dropout), DATA, out, RECIPE, on_epoch=lambda epoch: losses.append(epoch.loss)
    )
    return trained.state_dict(), losses


def refusals(out: Path) -> list[str]:
    """Which error this process gets for a bundle that is trained already, and for batches of one image."""
    errors = []
    for path, recipe in ((out, RECIPE), (out.with_name("single.safetensors"), Recipe(batch_size=1))):
        try:
            robustq.train(phantom_model("16x4"), DATA, path, recipe)
        except (RequestError, MainProcessError) as error:
            errors.append(f"{type(error).__name__}: {error}")
    return errors


def all_of_it(folder: Path) -> dict[str, Any]:
    """Several trainings towards bundles in a folder, one of which is resumed, and the refusals."""
    return {
        "ema": train("ema:16x4", folder / "ema.safetensors"),
        "lfq": train("lfq:4", folder / "lfq.safetensors"),
        "dropout": train("ema:16x4", folder / "dropout.safetensors", dropout=0.3),
        "resumed": train("ema:16x4", folder / "resumed.safetensors"),
        "refusals": refusals(folder / "ema.safetensors"),
    }
