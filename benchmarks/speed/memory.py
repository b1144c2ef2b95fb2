"""Does the memory of a stress run grow with the number of draws or of cases?

Each run has a process of its own, whose peak is read at its end: 10 draws against 1000 of one case of 64×64, and 10
cases of 1300×1300 against 300 (the cache of prepared cases bounded at 64 MB, which 8 of them fill). The network is a
small UNet; for the large images, one convolution.

    .venv/bin/python benchmarks/speed/memory.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from timing import exact, tell

import robustq
from robustq.data import prepared_cases

LARGE = 1300
"""Extent of the large images."""


class Drawn(Sequence[tuple[np.ndarray, np.ndarray]]):
    """Images of random voxels that are drawn when they are read, so that they take no memory before."""

    def __init__(self, number: int, extent: int) -> None:
        self.number, self.extent = number, extent

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[override]  # no slices
        if place >= self.number:
            raise IndexError(place)
        image = np.random.default_rng(place).random((self.extent, self.extent), dtype=np.float32)
        mask = np.zeros(image.shape, np.uint8)
        mask[10:30, 10:30] = 1
        return image, mask


def run(cases: int, draws: int, extent: int) -> None:
    """A stress run in this process; prints its peak of memory in MB."""
    torch.set_num_threads(1)
    prepared_cases.MEMORY = 64 * 2**20
    small = robustq.wrap("unet", "none", width=8, scales=3).eval()
    model = small if extent < LARGE else torch.nn.Conv2d(1, 2, 3, padding=1)
    data = robustq.InMemoryDataset(Drawn(cases, extent), name="drawn")
    with tempfile.TemporaryDirectory() as folder:
        robustq.stress({"model": model}, data, levels=(10,), draws=draws, batch_size=4, out=Path(folder) / "run")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def peak(cases: int, draws: int, extent: int) -> float:
    """The peak of such a run in a process of its own, in MB."""
    command = [sys.executable, __file__, "--run", str(cases), str(draws), str(extent)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", nargs=3, type=int, metavar=("CASES", "DRAWS", "EXTENT"))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if asked.run:
        run(*asked.run)
        return
    draws, cases = (100, 40) if asked.quick else (1000, 300)
    few, many = peak(1, 10, 64), peak(1, draws, 64)
    tell(f"peak memory, {draws} draws", "10 draws", exact(many / few), most=1.05, note=f"{few:.0f} and {many:.0f} MB.")
    few, many = peak(10, 1, LARGE), peak(cases, 1, LARGE)
    tell(
        f"peak memory, {cases} cases of {LARGE}², cache of 64 MB",
        "10 cases",
        exact(many / few),
        most=1.05,
        note=f"{few:.0f} and {many:.0f} MB.",
    )


if __name__ == "__main__":
    main()
