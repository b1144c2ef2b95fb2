"""Do memory and open files stay flat while one process makes run after run?

    OMP_NUM_THREADS=1 python benchmarks/soak.py [--minutes 60] [--executor local] [--data DATA]

Prints one line a minute, and at the end how much each grows in an hour: the slope of a straight line through the
values after the first tenth of the time, in which caches fill.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import robustq


def memory() -> float:
    """MiB of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def open_files() -> int:
    """Number of open file handles of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def main() -> None:
    """Make runs until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--executor", default="local")
    parser.add_argument("--data", default="phantom:cases=2,domain=B")
    asked = parser.parse_args()
    begun, runs, said = time.monotonic(), 0, 0.0
    values: list[tuple[float, float, int]] = []  # seconds, MiB, handles after each run
    while (seconds := time.monotonic() - begun) < 60 * asked.minutes:
        with tempfile.TemporaryDirectory() as folder:
            robustq.stress(None, asked.data, levels=(30,), draws=2, seed=runs, out=folder, executor=asked.executor)
        runs += 1
        values.append((seconds, memory(), open_files()))
        if seconds >= said:
            print(
                f"{seconds / 60:6.1f} min  {runs:5} runs  {values[-1][1]:8.1f} MiB  {values[-1][2]:4} handles",
                flush=True,
            )
            said = seconds + 60
    settled = np.array(values)[len(values) // 10 :]
    for name, column in (("MiB", 1), ("handles", 2)):
        slope = np.polyfit(settled[:, 0] / 3600, settled[:, column], 1)[0]
        print(f"{slope:+.1f} {name} an hour, from {settled[0, column]:.1f} to {settled[-1, column]:.1f}")


if __name__ == "__main__":
    main()
