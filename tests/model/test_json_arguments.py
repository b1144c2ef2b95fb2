"""Settings of an architecture become values that a bundle can hold, or are refused when they are given."""

from pathlib import Path

import numpy as np
import pytest
import torch

import robustq
from robustq.errors import RequestError

SMALL = {"scales": 2, "groups": 2}


def test_numbers_of_numpy_become_numbers_and_the_bundle_is_read(tmp_path: Path) -> None:
    model = robustq.wrap("unet", "8x4", width=np.int64(4), **SMALL)
    assert [type(value) for _, value in model.spec.arguments] == [int, int, int]
    model.save(tmp_path / "m.safetensors")
    assert dict(robustq.load(tmp_path / "m.safetensors").spec.arguments) == {"width": 4, **SMALL}
    lists = robustq.wrap("monai:unet", "8x4", channels=list(np.array([8, 16, 32])), strides=(np.int32(2), 2))
    assert dict(lists.spec.arguments) == {"channels": [8, 16, 32], "strides": (2, 2)}
    lists.save(tmp_path / "lists.safetensors")


@pytest.mark.parametrize(
    "value", [torch.nn.ReLU, Path("weights"), torch.tensor(4), np.array([4]), {"a": {3}}, {1: 2}, float("nan"), 1j]
)
def test_what_a_bundle_cannot_hold_is_refused_at_wrapping(value: object) -> None:
    with pytest.raises(RequestError, match=r"^width=.* was given, which a bundle cannot hold: give a finite number"):
        robustq.wrap("unet", "8x4", width=value, **SMALL)
