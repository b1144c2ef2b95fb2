"""A process that makes run after run does not grow; `benchmarks/soak.py` asks the same for an hour."""

import gc
import sys
from pathlib import Path

import robustq

RUNS = 4


def test_a_run_leaves_no_objects_behind(tmp_path: Path) -> None:
    def make_runs(first: int) -> int:
        """The number of blocks that Python's allocator has given out after so many runs more."""
        for seed in range(first, first + RUNS):
            robustq.stress(
                None, "phantom:cases=1,domain=B", levels=(30,), draws=1, seed=seed, out=tmp_path / str(seed)
            ).summary()
        gc.collect()
        return sys.getallocatedblocks()

    settled = make_runs(0)  # in the first runs, caches fill
    # The two models have 153 tensors. An object that each leaves behind in each run would be more than this.
    assert make_runs(RUNS) - settled < 100 * RUNS
