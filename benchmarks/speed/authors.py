"""How much faster is a stress run than the authors' way: one image, one draw and one pass at a time?

Their notebooks draw NumPy noise on the normalised image, give the network this one image, and score the answer. The run
has as many passes of the paper's 2D UNet with 1024 codes, in fp32 and in bf16. They take turns on one thread.

    .venv/bin/python benchmarks/speed/authors.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
from functools import partial

import numpy as np
import torch
from stress import SETUPS, dataset, quick, run_of
from timing import Seconds, in_turn, ratio, tell

import robustq


@torch.no_grad()
def authors_way(model: robustq.Segmenter, image: np.ndarray, mask: np.ndarray, number: int) -> list[float]:
    """The Dice of `number` noisy images, one at a time."""
    scores = []
    for _ in range(number):
        noisy = image + 0.1 * np.random.default_rng().standard_normal(image.shape)
        logits = model(torch.from_numpy(noisy).float()[None])
        answer = torch.softmax(logits, 1).argmax(1)[0].numpy()
        scores.append(2 * ((answer == 1) & (mask == 1)).sum() / ((answer == 1).sum() + (mask == 1).sum()))
    return scores


def main() -> None:
    torch.set_num_threads(1)
    setup = SETUPS["unet2d"]
    if "--quick" in sys.argv:
        setup = quick(setup)
    model = robustq.wrap("unet", "1024x256").eval()
    data = dataset(setup.size)
    stored = data.read(data.entries[0])
    image, mask = np.asarray(stored.image).reshape(1, *setup.size), np.asarray(stored.mask).reshape(setup.size)
    ours = {"fp32": Seconds([], []), "bf16": Seconds([], [])}
    theirs = Seconds([], [])
    number = 1
    for _ in range(setup.rounds):
        for precision, total in ours.items():
            seconds, number = run_of(model, setup, precision)
            total.wall.extend(seconds.wall)
            total.cpu.extend(seconds.cpu)
        part = in_turn({"authors": partial(authors_way, model, image, mask, number // 2)}, rounds=1, warm=0)["authors"]
        theirs.wall.extend(part.wall)
        theirs.cpu.extend(part.cpu)
    for precision, seconds in ours.items():
        tell(
            f"the authors' way, {setup.title} with 1024x256",
            f"stress in {precision} (times faster)",
            ratio(theirs, seconds, number / (number // 2)),
            least=3,
            note=f"{number} passes.",
            limit="On a processor nearly all the time is in the convolutions, and one image alone is as fast a pass as "
            "one of a batch; what a run can save is memory format and precision.",
        )


if __name__ == "__main__":
    main()
