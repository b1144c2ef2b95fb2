"""How long does each built-in perturbation take, compared with a pass of the network that is shown the result?

The network is the paper's 3D UNet (1024x256, 14 classes); the case is one 96³ volume. For each perturbation at several
levels, one draw and one pass run in turn, several times, on one thread. The medians and the largest ratio are printed.

    .venv/bin/python benchmarks/speed/perturbations.py [NAME ...]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
import time

import SimpleITK
import torch

import robustq
from robustq import registry
from robustq.dataset import Case, Entry, own_range
from robustq.draws.by_name import load_perturbations

REPETITIONS = 5
LEVELS = (5, 30, 100)
EXTENT = 96


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    model = robustq.wrap("unet", "1024x256", dims=3, classes=14).eval()
    image = torch.rand(1, *[EXTENT] * 3, generator=torch.Generator().manual_seed(0))
    case = Case(image, image > 0.5, own_range(image), (1.0,) * 3, "px", Entry("case", "case"), ("x",))
    names = sys.argv[1:] or registry.names("perturbations")
    draws = {(name, level): item for name, item in load_perturbations(names).items() for level in LEVELS}
    passes: list[float] = []
    seconds: dict[tuple[str, int], list[float]] = {draw: [] for draw in draws}
    for repetition in range(REPETITIONS + 1):
        for (name, level), perturbation in draws.items():
            start = time.perf_counter()
            perturbation(case, level, torch.Generator().manual_seed(repetition))
            if repetition:  # the first run of each does not count
                seconds[name, level].append(time.perf_counter() - start)
        start = time.perf_counter()
        model.run(image[None])
        if repetition:
            passes.append(time.perf_counter() - start)
    network = statistics.median(passes)
    print(f"network {network:.2f} s")
    for name in dict.fromkeys(name for name, _ in draws):
        medians = [statistics.median(seconds[name, level]) for level in LEVELS]
        times = ", ".join(f"{1000 * median:.0f}" for median in medians)
        print(f"{name}: {times} ms at levels {', '.join(map(str, LEVELS))}, largest ratio {max(medians) / network:.3f}")


if __name__ == "__main__":
    main()
