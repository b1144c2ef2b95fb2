"""What does a piece cost more on a worker than here, and how much sooner are two workers done than one?

    OMP_NUM_THREADS=1 python benchmarks/speed/executors.py [--executors processes,ray] [--data DATA] [--model FILE ...]

Each worker has one thread, and so has the run in this process. The time of a run leaves out the start of its workers
(the import of torch), which is printed beside it. Without a model the demonstration runs; models are those of
`robustq wrap`, trained or not.
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


def overhead(executor: str, pieces: int = 400) -> float:
    """Seconds that a worker needs for such a piece."""
    row = Row("m", "d", "", "case", "g", "gaussian", 10.0, '{"sigma": 0.1}', 0, 1, 0, "heart", "dice", 0.5)
    batches = {number: [row] * 60 for number in range(pieces)}
    results = open_executor(executor).results(rows_of_a_piece, batches)
    next(results)  # now the worker has started
    begun = perf_counter()
    for _ in range(pieces - 1):
        next(results)
    seconds = perf_counter() - begun
    assert not list(results)
    return seconds / (pieces - 1)


def seconds(executor: str, asked: argparse.Namespace) -> tuple[float, float]:
    """Seconds from the first piece to the end of a run, and seconds before it."""
    times: list[float] = []

    def note(progress: Progress) -> None:
        times.append(perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        robustq.stress(
            asked.model,
            asked.data,
            levels=(10, 30),
            draws=asked.draws,
            split="all",
            out=Path(folder) / "run",
            executor=executor,
            on_progress=note,
        )
    begun, first, *others = times
    # The first result of each worker comes after its start; from then on all work.
    return (others[-1] - first) * (len(others) + 1) / len(others), first - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executors", default="processes,ray")
    parser.add_argument("--data", default="phantom:cases=12,domain=B")
    parser.add_argument("--model", action="append", help="bundle; repeat it for several")
    parser.add_argument("--draws", type=int, default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    names = asked.executors.split(",")
    for name in ("local", *names):
        # The local executor has no workers.
        print(
            f"an empty piece, {name:12} {1000 * overhead(name if name == 'local' else f'{name}:1'):7.2f} ms", flush=True
        )
    for executor in ("local", *(f"{name}:{number}" for name in names for number in (1, 2)), "local"):
        run, start = seconds(executor, asked)
        print(f"{executor:12} {run:7.1f} s, first result after {start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
