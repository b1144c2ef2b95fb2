"""Checks that the contracts of perturbations and of attacks share."""

import json
from collections.abc import Mapping

import numpy as np
import torch


def check_parameters(parameters: Mapping[str, float | list[float] | str], what: str) -> None:
    """Check that the parameters of a level can be written with the rows: named, finite, and JSON.

    Raises:
        AssertionError: they cannot be written; the message begins with `what`.
    """
    assert parameters, f"{what}: no parameters"
    values = np.concatenate([np.ravel(value) for value in parameters.values() if not isinstance(value, str)])
    assert np.isfinite(values).all(), f"{what}: parameters are not finite"
    json.dumps(parameters)


def global_states() -> tuple[str, list[int]]:
    """The states of NumPy's and torch's global generators, from which no item may draw.

    Python's own generator is left out, because a type checker may draw from it while it looks into a list.
    """
    return str(np.random.get_state(legacy=False)), torch.get_rng_state().tolist()
