"""Does the time of a stress run grow faster than its work?

Runs of a small UNet with more and more cases, draws, levels and voxels. For each, the exponent is the slope of a line
through log(time) over log(amount); 1 is growth in proportion. The time is that of the processor, from the first piece
to the last row, the least of three runs. Batches have four images: a run that looks for the fastest number has another
one at another amount of work.

    .venv/bin/python benchmarks/speed/growth.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from stress import dataset
from timing import exact, tell

import robustq

AMOUNTS = {"cases": (8, 16, 32, 64), "draws": (8, 16, 32, 64), "levels": (4, 8, 16, 32), "voxels": (64, 96, 128, 192)}
RUNS = 3


def seconds(model: robustq.Segmenter, *, cases: int = 2, draws: int = 4, levels: int = 2, extent: int = 64) -> float:
    """Seconds of the processor of one run."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        robustq.stress(
            {"model": model},
            dataset((extent, extent), cases),
            levels=[float(level) for level in range(1, levels + 1)],
            draws=draws,
            batch_size=4,
            out=Path(folder) / "run",
            on_progress=lambda progress: times.append(time.process_time()),
        )
    return times[-1] - times[0]


def main() -> None:
    torch.set_num_threads(1)
    model = robustq.wrap("unet", "none", width=8, scales=4).eval()
    seconds(model)
    for name, amounts in AMOUNTS.items():
        some = amounts[:2] if "--quick" in sys.argv else amounts
        setting = "extent" if name == "voxels" else name
        times = [min(seconds(model, **{setting: amount}) for _ in range(RUNS)) for amount in some]
        sizes = [amount**2 for amount in some] if name == "voxels" else some
        exponent = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
        note = ", ".join(f"{size}: {spent:.2f} s" for size, spent in zip(sizes, times, strict=True)) + "."
        tell(f"growth with {name}", "itself, exponent on a log-log fit", exact(exponent), most=1.03, note=note)


if __name__ == "__main__":
    main()
