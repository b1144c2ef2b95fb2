"""How long does each built-in perturbation take, compared with a pass of the network that is shown the result?

The network is the paper's 3D UNet (1024x256, 14 classes); the case is one 96³ volume. For each perturbation at several
levels, one draw and one pass run in turn, several times, on one thread. The medians and the largest ratio are printed.

    .venv/bin/python benchmarks/speed/perturbations.py [NAME ...] [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
from collections.abc import Callable
from functools import partial

import SimpleITK
import torch
from timing import in_turn, ratio, tell

import robustq
from robustq import registry
from robustq.dataset import Case, Entry, own_range
from robustq.draws.by_name import load_perturbations
from robustq.perturbation import AbstractPerturbation

REPETITIONS = 5
LEVELS = (5, 30, 100)
EXTENT = 96
LIMITS = {
    "poisson": "Every voxel draws a Poisson number on one thread, and another generator would change the rows.",
    "bias-field": "Every voxel takes the exponential of a polynomial.",
    "motion": "It transforms the whole volume to k-space and back several times.",
}


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    model = robustq.wrap("unet", "1024x256", dims=3, classes=14).eval()
    image = torch.rand(1, *[EXTENT] * 3, generator=torch.Generator().manual_seed(0))
    case = Case(image, image > 0.5, own_range(image), (1.0,) * 3, "px", Entry("case", "case"), ("x",))
    quick = "--quick" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--quick"] or registry.names("perturbations")
    levels = LEVELS[:1] if quick else LEVELS
    works: dict[str, Callable[[], object]] = {"network": lambda: model.run(image[None])}
    for name, perturbation in load_perturbations(names).items():
        for level in levels:
            works[f"{name} {level}"] = partial(draw, perturbation, case, level)
    seconds = in_turn(works, rounds=1 if quick else REPETITIONS)
    for name in names:
        ratios = [ratio(seconds[f"{name} {level}"], seconds["network"]) for level in levels]
        times = ", ".join(f"{1000 * seconds[f'{name} {level}'].median:.0f}" for level in levels)
        tell(
            f"{name}, a draw, {EXTENT}³",
            "one pass of the paper's 3D UNet",
            max(ratios, key=lambda found: found.wall),
            most=0.03,
            note=f"{times} ms at {', '.join(map(str, levels))} %.",
            limit=LIMITS.get(name, ""),
        )


def draw(perturbation: AbstractPerturbation, case: Case, level: float) -> None:
    """One draw; the seed is always the same."""
    perturbation(case, level, torch.Generator().manual_seed(0))


if __name__ == "__main__":
    main()
