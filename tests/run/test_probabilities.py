"""A metric that asks for probabilities is given the model's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import robustq
from robustq import registry
from robustq.dataset import AbstractDataset, Case, Entry, own_range
from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class MeanProbability(AbstractMetric):
    """The mean probability of the voxels that count."""

    measures_distance: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True
    needs_probabilities: ClassVar[bool] = True

    def unit(self, unit: Unit) -> str:
        return ""

    def score(self, comparison: Comparison) -> float:
        assert comparison.probability is not None
        return float(np.nanmean(comparison.probability))


class OneCase(AbstractDataset):
    """One case of noise, the first rows of which are ignored (mask value 9)."""

    name = "one"
    ignore = 9

    def __init__(self, size: tuple[int, ...]) -> None:
        self.size = size

    @property
    def entries(self) -> list[Entry]:
        return [Entry("case", "case")]

    def read(self, entry: Entry) -> Case:
        image = torch.rand(1, *self.size, generator=torch.Generator().manual_seed(3))
        mask = (image[0] > 0.5).int()
        mask[0] = 9
        return Case(image, mask, own_range(image), (2.0,) * (len(self.size) - 1) + (3.0,), "px", entry)

    def fingerprint(self, entry: Entry) -> str:
        return f"{len(self.size):016x}"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    load, canonical = registry.load, registry.canonical
    named = lambda kind, name: kind == "metrics" and name == "mean-probability"  # noqa: E731
    monkeypatch.setattr(
        registry, "load", lambda kind, name, **rest: MeanProbability if named(kind, name) else load(kind, name, **rest)
    )
    monkeypatch.setattr(registry, "canonical", lambda kind, name: name if named(kind, name) else canonical(kind, name))


def softmax_label(scores: Tensor) -> Tensor:
    return scores.exp()[:, 1] / scores.exp().sum(1)


def sigmoid_label(scores: Tensor) -> Tensor:
    return 1 / (1 + (-scores[:, 0]).exp())


@pytest.mark.parametrize(("classes", "expected"), [(2, softmax_label), (1, sigmoid_label)], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize(("dims", "size"), [(2, (10, 12)), (3, (8, 6, 7)), (2, (8, 6, 7))])
def test_the_probability_is_the_models_own_without_ignored_voxels(
    classes: int, expected: Callable[[Tensor], Tensor], dims: int, size: tuple[int, ...]
) -> None:
    preparation = robustq.Preparation(dims=dims, ignore=OneCase.ignore)
    small = {"width": 4, "scales": 2, "groups": 2}
    model = robustq.wrap("unet", "8x4", dims=dims, classes=classes, preparation=preparation, **small).eval()
    data = OneCase(size)
    run = robustq.stress({"m": model}, data, levels=[10], draws=1, metrics="dice,mean-probability")
    rows: pd.DataFrame = run.to_frame()
    (told,) = rows[(rows["metric"] == "mean-probability") & (rows["level"] == 0)]["value"]
    case = model.spec.preparation(data.read(data.entries[0]))
    # A volume is read slice by slice along its last axis, the coarsest.
    images = case.image[None] if dims == len(size) else case.image.movedim(-1, 0)
    with torch.no_grad():
        probability = expected(model.run(images).logits.double())
    counted = probability[0] if dims == len(size) else probability.movedim(0, -1)
    assert told == pytest.approx(float(counted[1:].mean()), abs=1e-6)
