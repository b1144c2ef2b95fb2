"""How much faster is a stress run in bf16, and how far does it move the Dice means?

The run of the paper's 2D UNet takes turns with the fastest plain passes in fp32, as in stress.py. The difference of the
means is that of the bundled demonstration models, which are trained: each mean of a level over the phantom's cases is
taken in both precisions from the same noise.

    .venv/bin/python benchmarks/speed/bf16.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
import tempfile
from pathlib import Path

import torch
from stress import SETUPS, bare, fastest, model_of, passes, quick, run_of
from timing import Seconds, exact, in_turn, ratio, tell

import robustq

LARGEST = 0.002


def main() -> None:
    torch.set_num_threads(1)
    setup = SETUPS["unet2d"]
    if "--quick" in sys.argv:
        setup = quick(setup)
    model = model_of(setup)
    networks = bare(model.network, setup.dims)
    images = torch.rand(16, 1, *setup.size, generator=torch.Generator().manual_seed(0))
    batch, layout = fastest(networks, images, setup.batches)
    ours, best = Seconds([], []), Seconds([], [])
    number = 0
    for _ in range(setup.rounds):
        seconds, number = run_of(model, setup, "bf16")
        plain = in_turn({"best": lambda: passes(networks, images, batch, layout)}, rounds=1, warm=0)["best"]
        for total, part in ((ours, seconds), (best, plain)):
            total.wall.extend(part.wall)
            total.cpu.extend(part.cpu)
    tell(
        f"stress in bf16, {setup.title}",
        f"plain passes in fp32, the best (batch {batch}, {layout})",
        ratio(ours, best, len(images) / number),
        most=0.6,
        limit="A processor without bf16 instructions gains nothing, and in the usual memory format little.",
    )
    means = {}
    for precision in ("fp32", "bf16"):
        with tempfile.TemporaryDirectory() as folder:
            run = robustq.stress(
                None, "phantom:cases=6,domain=B", draws=4, precision=precision, out=Path(folder) / "run"
            )
            frame = run.to_frame()
        frame = frame[frame["metric"] == "dice"]
        means[precision] = frame.groupby(["model", "perturbation", "level", "label"])["value"].mean()
    difference = (means["bf16"] - means["fp32"]).abs().max()
    tell(
        "Dice means in bf16, demonstration models",
        "those in fp32: largest difference",
        exact(float(difference)),
        most=LARGEST,
        note="6 cases, 4 draws, each label.",
        limit="These means move more than the rule allows, so `auto` is fp32 on a processor.",
    )


if __name__ == "__main__":
    main()
