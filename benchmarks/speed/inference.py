"""How long do the metrics take, compared with the network whose masks they score?

The paper's 3D UNet (16 to 256 channels, 14 classes) segments one 96³ volume; Dice, HD95 and ASSD of 13 labels are
scored against a truth that was scored before, as in a stress run. Network and metrics run in turn, several times, on
one thread. The ratio is printed.

    .venv/bin/python benchmarks/speed/inference.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys

import numpy as np
import torch
from metrics import CASES, organs, ripple
from timing import in_turn, ratio, tell

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

    @torch.inference_mode()
    def network() -> None:
        model.run(volume)

    answers = [(inside + ripple(shape, 2, 1.0, generator)) > 0 for _ in range(1 + REPETITIONS)]

    def scoring() -> None:
        for mask, truth in zip(answers.pop(), truths, strict=True):
            comparison = Comparison(mask, truth)
            for metric in metrics.values():
                metric.score(comparison)

    rounds = 1 if "--quick" in sys.argv else REPETITIONS
    seconds = in_turn({"network": network, "metrics": scoring}, rounds=rounds)
    tell(
        "Dice, HD95 and ASSD of 13 labels, 96³",
        "one pass of the paper's 3D UNet",
        ratio(seconds["metrics"], seconds["network"]),
    )


if __name__ == "__main__":
    main()
