"""Do memory and open files stay flat while one process makes run after run?

    OMP_NUM_THREADS=1 python benchmarks/soak.py [--minutes 60] [--executor local] [--data DATA]

Prints a line each 20 seconds, and at the end how much each figure grows in 1000 runs: the slope of a straight line
through the values after the first tenth of the time, in which caches fill. The script ends with status 1 if a figure
grows by more than `LIMITS` allows. What is in use is judged: open files, Python's objects and the bytes that malloc and
Arrow gave out. Resident memory is printed beside them and not judged, because it also counts free memory that the
allocators keep, and how much they keep changes from run to run. Needs Linux with glibc.
"""

import argparse
import ctypes
import gc
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

import robustq

EVERY = 20
"""Seconds between two measurements."""

LIMITS = {"MiB in use": 1, "objects": 5000, "handles": 1}
"""Largest growth in 1000 runs. If each of the 153 tensors of the demonstration pair left an object behind in each run,
that would be 153 000; the list of measurements takes a few hundred."""


class MallocInfo(ctypes.Structure):
    """What glibc's `mallinfo2` returns: bytes and numbers of blocks, over all arenas."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def figures() -> dict[str, float]:
    """What this process holds now, after garbage was collected."""
    gc.collect()
    mallinfo2 = ctypes.CDLL("libc.so.6").mallinfo2
    mallinfo2.restype = MallocInfo
    malloc = mallinfo2()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "MiB resident": pages * resource.getpagesize() / 2**20,
        "MiB in use": (malloc.uordblks + malloc.hblkhd + pa.total_allocated_bytes()) / 2**20,
        "objects": sys.getallocatedblocks(),
        "handles": len(list(Path("/proc/self/fd").iterdir())),
    }


def main() -> None:
    """Make runs until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--executor", default="local")
    parser.add_argument("--data", default="phantom:cases=2,domain=B")
    asked = parser.parse_args()
    begun, run = time.monotonic(), 0
    runs: list[int] = []
    values: list[dict[str, float]] = []  # after these numbers of runs
    while (seconds := time.monotonic() - begun) < 60 * asked.minutes:
        with tempfile.TemporaryDirectory() as folder:
            robustq.stress(None, asked.data, levels=(30,), draws=2, seed=run, out=folder, executor=asked.executor)
        run += 1
        if seconds >= len(runs) * EVERY:
            runs.append(run)
            values.append(figures())
            said = "  ".join(f"{value:10.1f} {name}" for name, value in values[-1].items())
            print(f"{seconds / 60:6.1f} min  {run:6} runs  {said}", flush=True)
    first = len(runs) // 10
    grown = {
        name: 1000 * np.polyfit(runs[first:], [value[name] for value in values[first:]], 1)[0] for name in values[0]
    }
    print(f"In {run} runs; growth in 1000 runs after the first {runs[first]}:")
    for name, slope in grown.items():
        print(f"{slope:+12.1f} {name}, from {values[first][name]:.1f} to {values[-1][name]:.1f}")
    leaks = [name for name, limit in LIMITS.items() if grown[name] > limit]
    sys.exit(f"These grow: {', '.join(leaks)}" if leaks else None)


if __name__ == "__main__":
    main()
