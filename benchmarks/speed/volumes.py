"""What does a stress run cost for each volume: in the process of the run, on a worker, and on the disk?

    OMP_NUM_THREADS=1 python benchmarks/speed/volumes.py --data DATA --model FILE [--draws 3]

Seconds are those of the processor (one thread), so other work on the machine lengthens them little. docs/scale.md takes
its figures from here.
"""

import argparse
import tempfile
from pathlib import Path
from time import process_time

import pandas as pd
import torch

import robustq
from robustq.run.progress import Progress

LEVELS = (10, 30)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--draws", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    times: list[float] = []

    def note(progress: Progress) -> None:
        times.append(process_time())

    with tempfile.TemporaryDirectory() as folder:
        out, begun = Path(folder) / "run", process_time()
        robustq.stress(
            asked.model, asked.data, levels=LEVELS, draws=asked.draws, split="all", out=out, on_progress=note
        )
        ended = process_time()
        rows = pd.read_parquet(out / "results.parquet")
        volumes = rows["case"].nunique()
        answers = volumes * len(asked.model) * (1 + len(LEVELS) * asked.draws)
        print(f"{volumes} volumes, {answers} answers, {len(rows)} rows")
        print(
            f"opened and checked    {1000 * (times[0] - begun) / volumes:9.1f} ms a volume, in the process of the run"
        )
        print(f"perturbed and scored  {1000 * (times[-1] - times[0]) / answers:9.1f} ms an answer, on a worker")
        print(
            f"summed up             {1000 * (ended - times[-1]) / volumes:9.1f} ms a volume, in the process of the run"
        )
        print(f"results.parquet       {(out / 'results.parquet').stat().st_size / len(rows):9.1f} bytes a row")
        print(f"run.json              {(out / 'run.json').stat().st_size / volumes:9.1f} bytes a volume")


if __name__ == "__main__":
    main()
