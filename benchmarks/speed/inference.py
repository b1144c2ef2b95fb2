"""How long do the metrics take, compared with the network whose masks they score?

The paper's 3D UNet (16 to 256 channels, 14 classes) segments one 96³ volume; Dice, HD95 and ASSD of 13 labels are
scored against a truth that was scored before, as in a stress run. Network and metrics run in turn, several times, on
one thread. The medians and their ratio are printed.

    .venv/bin/python benchmarks/speed/inference.py
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import time

import numpy as np
import torch
from metrics import CASES, organs, ripple

import robustq
from robustq.metric import Comparison, Truth, parse_metrics

REPETITIONS = 5


def main() -> None:
    torch.set_num_threads(1)
    shape, labels, spacing = CASES[0]
    generator = np.random.default_rng(0)
    inside = organs(shape, labels, generator)
    truths = [Truth(mask, spacing, "mm") for mask in inside > 0]
    metrics = parse_metrics("dice,hd95,assd")
    model = robustq.wrap("unet", "1024x256", dims=3, classes=labels + 1).eval()
    volume = torch.from_numpy(generator.standard_normal((1, 1, *shape))).float()
    times: dict[str, list[float]] = {"network": [], "metrics": []}
    for _ in range(REPETITIONS):
        answer = (inside + ripple(shape, 2, 1.0, generator)) > 0
        start = time.perf_counter()
        with torch.no_grad():
            model.run(volume)
        times["network"].append(time.perf_counter() - start)
        start = time.perf_counter()
        for mask, truth in zip(answer, truths, strict=True):
            comparison = Comparison(mask, truth)
            for metric in metrics.values():
                metric.score(comparison)
        times["metrics"].append(time.perf_counter() - start)
    network, scoring = (statistics.median(values) for values in times.values())
    print(f"network {network:.2f} s, metrics {scoring:.2f} s, ratio {scoring / network:.3f}")


if __name__ == "__main__":
    main()
