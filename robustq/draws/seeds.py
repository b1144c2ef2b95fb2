"""Seeds and generators: every draw has its own generator, so that it can be repeated."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch

from robustq.network.global_generators import kept_generators


def draw_seed(run_seed: int, case_id: str, perturbation: str, draw: int) -> int:
    """The seed of one draw, 63 bits: a stable hash of the arguments (docs/definitions.md, Draws and seeds).

    The seed does not depend on level or intensity range, so one draw is the same noise at growing strength. It does
    not depend on the model either, so every model sees the same noise.
    """
    # The length before each value keeps the values apart, whatever characters they hold.
    values = [str(value).encode() for value in (run_seed, case_id, perturbation, draw)]
    text = b"".join(len(value).to_bytes(8, "big") + value for value in values)
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


def draw_generator(run_seed: int, case_id: str, perturbation: str, draw: int, device: str = "cpu") -> torch.Generator:
    """The generator of one draw. The same seed gives different numbers on another device."""
    return torch.Generator(device).manual_seed(draw_seed(run_seed, case_id, perturbation, draw))


@contextmanager
def seeded_globals(generator: torch.Generator) -> Iterator[None]:
    """Seed the global generators of Python, NumPy and PyTorch from a draw's generator, and restore them afterwards.

    For libraries, such as TorchIO, that draw from them.
    """
    seed = int(torch.randint(2**32, (1,), generator=generator, device=generator.device))
    with kept_generators():
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        yield
