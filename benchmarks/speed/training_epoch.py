"""How long does an epoch of `robustq.train` take, compared with a loop written by hand?

The loop has the same network (the paper's UNet at its full width), loss, optimiser and precision (bf16), channels last,
and validates like ours; its batches lie in memory ready to use. Neither augments. Of ours the second epoch counts,
when the cases are read. They take turns on one thread.

    .venv/bin/python benchmarks/speed/training_epoch.py [--data phantom:cases=30] [--size 128] [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from timing import Seconds, in_turn, ratio, tell
from torch import Tensor

import robustq
from robustq.training.loss import SegmentationLoss
from robustq.training.split import split

PRECISION = "bf16"
ROUNDS = 3


def ours(model: robustq.Segmenter, data: str, batch_size: int) -> Seconds:
    """The seconds of the second epoch of a training."""
    wall: list[float] = []
    cpu: list[float] = []

    def note(epoch: object) -> None:
        wall.append(time.perf_counter())
        cpu.append(time.process_time())

    recipe = robustq.Recipe(epochs=2, augmentation=False, precision=PRECISION, batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder:
        robustq.train(model, data, Path(folder) / "model.safetensors", recipe, on_epoch=note)
    return Seconds([wall[1] - wall[0]], [cpu[1] - cpu[0]])


def by_hand(
    model: robustq.Segmenter, images: Tensor, masks: Tensor, training: int, batch_size: int
) -> Callable[[], None]:
    """An epoch over the first `training` images, and the validation Dice of the others."""
    network = model.network.to(memory_format=torch.channels_last).train()
    loss = SegmentationLoss("softmax", masks.shape[1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.05)
    ignored = torch.zeros_like(masks[:, 0])

    def epoch() -> None:
        network.train()
        for places in torch.randperm(training).split(batch_size):
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(images[places].contiguous(memory_format=torch.channels_last))
            loss(logits, masks[places], ignored[places]).backward()
            optimiser.step()
        network.eval()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            for some, truth in zip(images[training:].split(16), masks[training:].split(16), strict=True):
                answer = network(some.contiguous(memory_format=torch.channels_last)).argmax(1)
                for label in range(masks.shape[1]):
                    found = answer == label + 1
                    (2 * (found & truth[:, label]).sum() / (found.sum() + truth[:, label].sum())).item()

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="phantom:cases=30")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    extents = (64, 64) if asked.quick else (asked.size, asked.size)
    source = "phantom:cases=12" if asked.quick else asked.data
    rounds = 1 if asked.quick else ROUNDS
    batch_size = 10
    data = robustq.open_dataset(source)
    labels = data.labels or {255: "label"}  # masks in picture files are white
    preparation = robustq.Preparation(size=extents, labels=tuple(sorted(labels.items())))
    model = robustq.wrap("unet", "none", classes=len(labels) + 1, preparation=preparation)
    training, validation = split(data.entries)
    cases = [preparation(data.read(entry)) for entry in (*training, *validation)]
    images, masks = torch.stack([case.image for case in cases]), torch.stack([case.truth for case in cases])
    epoch = by_hand(robustq.wrap("unet", "none", classes=len(labels) + 1), images, masks, len(training), batch_size)
    total, hand = Seconds([], []), Seconds([], [])
    for _ in range(rounds):
        for seconds, part in (
            (total, ours(model, source, batch_size)),
            (hand, in_turn({"by hand": epoch}, rounds=1, warm=0)["by hand"]),
        ):
            seconds.wall.extend(part.wall)
            seconds.cpu.extend(part.cpu)
    tell(
        f"training epoch, paper's UNet, {extents[0]}², {len(training)} + {len(validation)} cases of {source}",
        "a loop by hand in bf16 and channels last",
        ratio(total, hand),
        most=1.1,
        note=f"By hand {hand.median:.1f} s.",
        limit="Not profiled.",
    )


if __name__ == "__main__":
    main()
