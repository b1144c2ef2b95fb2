"""Writes FOLDER.csv, in which the cases of FOLDER/images and FOLDER/masks are divided into train, val and test.

    .venv/bin/python benchmarks/paper/split_cases.py montgomery --train 80 --val 18 --attacked 6
    .venv/bin/python benchmarks/paper/split_cases.py shenzhen --train 0 --val 0

The first cases of a permutation of the sorted names (NumPy's default_rng(0)) train, the next choose the epoch, and the
others are the test: they take no part in a training. Each case is a patient. With --attacked, the first of the test
cases also stand alone in FOLDER-attacked.csv, because an attack takes long.
"""

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def write(path: Path, folder: str, splits: Mapping[str, str]) -> None:
    """Write a table of cases with their splits, in the order of their names."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "domain", "split"])
        for name, split in sorted(splits.items()):
            writer.writerow([f"{folder}/images/{name}", f"{folder}/masks/{name}", folder, split])


def main() -> None:
    parser = argparse.ArgumentParser(description="Divide the cases of a folder into train, val and test.")
    parser.add_argument("folder", type=Path, help="folder with images/ and masks/, paired by file name")
    parser.add_argument("--train", type=int, required=True, help="number of cases that train")
    parser.add_argument("--val", type=int, required=True, help="number of cases that choose the epoch")
    parser.add_argument("--attacked", type=int, default=0, help="number of test cases that are attacked")
    given = parser.parse_args()
    names = sorted(path.name for path in (given.folder / "images").iterdir())
    shuffled = [str(name) for name in np.random.default_rng(0).permutation(names)]
    chosen = given.train + given.val
    splits = {
        **dict.fromkeys(shuffled[: given.train], "train"),
        **dict.fromkeys(shuffled[given.train : chosen], "val"),
        **dict.fromkeys(shuffled[chosen:], "test"),
    }
    folder = given.folder.name
    write(given.folder.with_suffix(".csv"), folder, splits)
    if given.attacked:
        attacked = dict.fromkeys(shuffled[chosen : chosen + given.attacked], "test")
        write(given.folder.with_name(f"{folder}-attacked.csv"), folder, attacked)


if __name__ == "__main__":
    main()
