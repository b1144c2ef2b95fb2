"""How much of one process's time do two processes need for the same training? One thread each, on the phantom.

The wall time of an epoch answers this on an idle machine. The processor time of the main process is printed too,
because other work on the machine lengthens it less.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

EPOCHS = 5
LAUNCH = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]


def train(folder: Path) -> None:
    """Train; the main process writes its seconds."""
    import torch

    import robustq
    from robustq.data.open_dataset import open_dataset
    from robustq.training.recipe import Recipe
    from robustq.training.train import Epoch

    torch.set_num_threads(1)
    labels = tuple(sorted(open_dataset("phantom").labels.items()))
    preparation = robustq.Preparation(dims=2, size=(128, 128), labels=labels)
    model = robustq.wrap("unet", "ema:256x64", classes=4, width=16, preparation=preparation)
    walls: list[float] = []
    busy: list[float] = []

    def on_epoch(epoch: Epoch) -> None:
        walls.append(epoch.seconds)
        busy.append(time.process_time())

    recipe = Recipe(epochs=EPOCHS, device="cpu")
    robustq.train(model, "phantom:cases=24", folder / "m.safetensors", recipe, on_epoch=on_epoch)
    if walls:
        # Not the first epoch, which imports libraries.
        (folder / "times.json").write_text(json.dumps([median(walls[1:]), (busy[-1] - busy[0]) / (EPOCHS - 1)]))


def measure(start: list[str]) -> tuple[float, float]:
    """The wall time of an epoch, and the processor time of the main process for it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *start, __file__, folder], check=True, env=environment, capture_output=True)
        wall, busy = json.loads((Path(folder) / "times.json").read_text())
        return wall, busy


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(Path(sys.argv[1]))
        sys.exit()
    (one, one_busy), (two, two_busy) = measure([]), measure(LAUNCH)
    print(f"wall time of an epoch: one process {one:.2f} s, two {two:.2f} s: {two / one:.2f}")
    print(f"processor time: one process {one_busy:.2f} s, main of two {two_busy:.2f} s: {two_busy / one_busy:.2f}")
