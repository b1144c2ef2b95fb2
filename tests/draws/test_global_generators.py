"""Nothing that a caller asks of robustq moves the global random generators of PyTorch and NumPy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import robustq
from networks import small
from robustq.model.segmenter import Segmenter

LABELS = tuple(sorted(robustq.open_dataset("phantom").labels.items()))
DATA = "phantom:cases=3,domain=A"


def model() -> Segmenter:
    # Another size than the phantom's, so that cases are resampled.
    preparation = robustq.Preparation(dims=2, size=(24, 20), labels=LABELS)
    return small("gumbel:16x4", classes=4, preparation=preparation)


def _train(folder: Path) -> object:
    recipe = robustq.Recipe(epochs=1, precision="fp32")
    return robustq.train(model(), DATA, folder / "trained.safetensors", recipe)


def _load(folder: Path) -> object:
    model().save(folder / "model.safetensors")
    return robustq.load(folder / "model.safetensors")


DOINGS: dict[str, Callable[[Path], object]] = {
    "wrap": lambda folder: model(),
    "load": _load,
    "train": _train,
    "stress": lambda folder: robustq.stress(
        {"m": model()}, DATA, noise=["gaussian", "motion", "torchio:RandomBiasField"], levels=[10], draws=2
    ).table(),
    "attack": lambda folder: robustq.stress({"m": model()}, DATA, attack=["pgd@2"], levels=[10], draws=1).summary(),
    "analyse": lambda folder: robustq.analyse({"m": model()}, DATA, levels=[10], draws=2, check="taylor").summary(),
    "minimal": lambda folder: robustq.minimal_levels({"m": model()}, DATA, "gaussian", draws=1, resolution=50).grid(),
    "perturb": lambda folder: robustq.perturb(torch.ones(2, 1, 8, 8), "motion", level=10, intensity_range=(0, 1)),
}


@pytest.mark.parametrize("doing", DOINGS)
def test_the_callers_random_numbers_stay_the_same(doing: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    expected = [torch.rand(3).tolist(), np.random.rand(3).tolist()]
    torch.manual_seed(3)
    np.random.seed(3)
    DOINGS[doing](tmp_path)
    assert [torch.rand(3).tolist(), np.random.rand(3).tolist()] == expected
