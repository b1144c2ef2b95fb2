"""What does a piece cost more on a worker process than here, and how much sooner are two workers done than one?

    OMP_NUM_THREADS=1 python benchmarks/speed/processes.py [--cases 12] [--draws 20]

Each worker has one thread, and so has the run in this process. The time of two workers leaves out their start (the
import of torch), which is printed beside it.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import torch

import robustq
from robustq.results.rows import Row
from robustq.run.progress import Progress, open_executor


def rows_of_a_piece(batch: Sequence[Row]) -> list[Row]:
    """Work that takes no time, with as many rows as a piece of ten draws, two models and three labels has."""
    return list(batch)


def overhead(pieces: int = 400) -> float:
    """Seconds that a worker needs for such a piece."""
    row = Row("m", "d", "", "case", "g", "gaussian", 10.0, '{"sigma": 0.1}', 0, 1, 0, "heart", "dice", 0.5)
    batches = {number: [row] * 60 for number in range(pieces)}
    results = open_executor("processes:1").results(rows_of_a_piece, batches)
    next(results)  # now the worker has started
    begun = perf_counter()
    assert len(list(results)) == pieces - 1
    return (perf_counter() - begun) / (pieces - 1)


def seconds(executor: str, cases: int, draws: int) -> tuple[float, float]:
    """Seconds from the first piece to the end of a run, and seconds before it."""
    times: list[float] = []

    def note(progress: Progress) -> None:
        times.append(perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        data = f"phantom:cases={cases},domain=B"
        out = Path(folder) / "run"
        robustq.stress(None, data, levels=(10, 30), draws=draws, out=out, executor=executor, on_progress=note)
    begun, first, *others = times
    # The first result of each worker comes after its start; from then on all work.
    return (others[-1] - first) * (len(others) + 1) / len(others), first - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--draws", type=int, default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"a piece on a worker: {1000 * overhead():.2f} ms")
    for executor in ("local", "processes:1", "processes:2", "local", "processes:2"):
        run, start = seconds(executor, asked.cases, asked.draws)
        print(f"{executor:12} {run:7.1f} s, first result after {start:.1f} s")


if __name__ == "__main__":
    main()
