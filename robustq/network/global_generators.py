"""Keeps the global random generators as they were, whatever a network draws from them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


@contextmanager
def kept_generators() -> Iterator[None]:
    """Restore the global generators of Python, NumPy and PyTorch afterwards."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


class GeneratorStream:
    """Random numbers of the global generators that go on from here, whatever else draws from the generators meanwhile.

    The stream begins with the states that the generators of Python, NumPy and PyTorch have when it is made.
    """

    def __init__(self) -> None:
        self._states = _states()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Within this context the generators give the numbers of this stream; then they have their states again."""
        with kept_generators():
            _set(self._states)
            yield
            self._states = _states()


def _states() -> tuple[Any, Any, Tensor, list[Tensor]]:
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), on_gpus


def _set(states: tuple[Any, Any, Tensor, list[Tensor]]) -> None:
    python_state, numpy_state, cpu_state, gpu_states = states
    random.setstate(python_state)
    np.random.set_state(numpy_state)
    torch.set_rng_state(cpu_state)
    if gpu_states:
        torch.cuda.set_rng_state_all(gpu_states)
