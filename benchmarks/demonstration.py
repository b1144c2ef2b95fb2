"""Train the bundled demonstration pair: a small UNet and its vector-quantised twin, on the phantom's scanner A.

    python benchmarks/demonstration.py [FOLDER]

Both get the same data, recipe and training seed. The recipe was chosen by clean validation Dice alone. The results are
written to robustq/run/demo unless another folder is given.
"""

import sys
from pathlib import Path

import torch

import robustq
from robustq.run.demonstration import FOLDER

QUANTISE = {"unet": "none", "vq-unet": "64x32"}
SIZE = (128, 128)


def main(folder: Path) -> None:
    data = robustq.open_dataset("phantom:domain=A,cases=160")
    preparation = robustq.Preparation(size=SIZE, labels=tuple(sorted(data.labels.items())))
    recipe = robustq.Recipe(epochs=40, learning_rate=1e-3)
    for name, quantise in QUANTISE.items():
        model = robustq.wrap("unet", quantise, classes=4, width=8, scales=4, preparation=preparation)
        out = folder / f"{name}.safetensors"
        robustq.train(model, data, out, recipe, on_epoch=lambda epoch, name=name: print(name, epoch, flush=True))
        out.with_suffix(".history.csv").unlink()
        print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    torch.set_num_threads(2)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
