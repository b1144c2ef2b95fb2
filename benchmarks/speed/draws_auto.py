"""How many passes does `--draws auto` make, against the smallest fixed number of draws that meets its rule everywhere?

    .venv/bin/python benchmarks/speed/draws_auto.py [--data phantom:cases=80] [--epochs 3] [--levels 1,10,20,30]

A small UNet and its quantised twin are trained for a few epochs on images of 64×64, and stressed by gaussian noise and
by motion with `draws="auto"`. The number of draws of each perturbation and level is printed. A fixed number has to meet
the rule at every one of them, so the smallest is the largest of these; the ratio is the mean number over the largest.
How good the mean over auto's draws is, benchmarks/draws_auto.py simulates.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from timing import exact, tell

import robustq

QUANTISE = {"unet": "none", "vq-unet": "64x32"}
SIZE = (64, 64)
NOISE = ("gaussian", "motion")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="phantom:cases=80")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--levels", default="1,10,20,30")
    asked = parser.parse_args()
    levels = [float(level) for level in asked.levels.split(",")]
    torch.set_num_threads(1)
    data = robustq.open_dataset(asked.data)
    labels = data.labels or {255: "label"}  # masks in picture files are white
    preparation = robustq.Preparation(size=SIZE, labels=tuple(sorted(labels.items())))
    recipe = robustq.Recipe(epochs=asked.epochs, learning_rate=1e-3)
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for name, quantise in QUANTISE.items():
            fresh = robustq.wrap("unet", quantise, classes=len(labels) + 1, width=8, scales=4, preparation=preparation)
            models[name] = robustq.train(fresh, data, Path(folder) / f"{name}.safetensors", recipe)
            print(f"{name} trained for {asked.epochs} epochs", flush=True)
        run = robustq.stress(models, data, noise=NOISE, levels=levels, draws="auto", out=Path(folder) / "run")
        chosen = run.level_draws.numbers
    for name, numbers in chosen.items():
        print(f"{name}: {', '.join(f'{number} draws at {level:g} %' for level, number in numbers.items())}")
    every = [number for numbers in chosen.values() for number in numbers.values()]
    for title, some in ({name: list(numbers.values()) for name, numbers in chosen.items()} | {"all": every}).items():
        tell(
            f"passes of draws auto, {title}",
            f"{max(some)} fixed draws, the fewest that meet the rule at every level",
            exact(statistics.mean(some) / max(some)),
            most=0.5,
            note=f"{statistics.mean(some):.1f} draws a level on {asked.data}: {', '.join(map(str, some))}.",
            limit="Where the levels need about as many draws, no choice by level can save half of them.",
        )


if __name__ == "__main__":
    main()
