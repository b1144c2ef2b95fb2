"""Randomness that can be replayed: every draw has a generator of its own."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch


def draw_seed(run_seed: int, case_id: str, perturbation: str, draw: int) -> int:
    """The seed of one draw: a stable hash of what names it (docs/definitions.md, Draws and seeds), 63 bits.

    Neither level nor intensity range enters, so one draw is the same noise at growing strength; nor does the model,
    so every model sees the same noise.
    """
    # Lengths keep the parts apart whatever characters they hold.
    parts = [str(part).encode() for part in (run_seed, case_id, perturbation, draw)]
    text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


def draw_generator(run_seed: int, case_id: str, perturbation: str, draw: int, device: str = "cpu") -> torch.Generator:
    """The generator of one draw. Another device is another stream."""
    return torch.Generator(device).manual_seed(draw_seed(run_seed, case_id, perturbation, draw))


@contextmanager
def seeded_globals(generator: torch.Generator) -> Iterator[None]:
    """Seed the global generators of Python, NumPy and PyTorch from a draw's, and restore them afterwards.

    For libraries, such as TorchIO, that draw from them.
    """
    seed = int(torch.randint(2**32, (1,), generator=generator, device=generator.device))
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
