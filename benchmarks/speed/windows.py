"""Does a large volume stay within memory, and how much does robustq add to MONAI's sliding window?

The paper's 3D UNet (16 to 256 channels, 2 classes) answers one noisy volume of 512³ voxels by windows of 96³ voxels
that overlap by a quarter. `robustq` draws the noise, answers and makes masks, as in a stress run; `monai` is the
library's sliding window alone. Each runs in a process of its own on one thread. Seconds by the clock, seconds of the
processor (on a busy machine these are the ones to compare) and the peak of memory are printed. It takes about 20
minutes each; a name runs one of them, and `--edge 160` takes a smaller volume.

    .venv/bin/python benchmarks/speed/windows.py [robustq|monai] [--edge 512]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import resource
import subprocess
import sys
import time

import torch
from monai.inferers.utils import sliding_window_inference

import robustq
from robustq.dataset import Case, Entry
from robustq.draws.by_name import load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.model import windows
from robustq.model.predict import BATCH, predict

PATCH = (96, 96, 96)
OVERLAP = 0.25


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="?", choices=["robustq", "monai"])
    parser.add_argument("--edge", type=int, default=512)
    asked = parser.parse_args()
    if asked.which is None:
        for which in ("robustq", "monai"):
            subprocess.run([sys.executable, __file__, which, "--edge", str(asked.edge)], check=True)
        return
    torch.set_num_threads(1)
    preparation = robustq.Preparation(dims=3, patch=PATCH)
    model = robustq.wrap("unet", "none", dims=3, classes=2, preparation=preparation).eval()
    image = torch.rand(1, *[asked.edge] * 3, generator=torch.Generator().manual_seed(0))
    case = Case(image, None, torch.tensor([[0.0, 1.0]]), (1.0, 1.0, 1.0), "mm", Entry("case", "case"))
    clock, processor = time.perf_counter(), time.process_time()
    if asked.which == "robustq":
        windows.windows_of = lambda preparation: windows.Windows(PATCH, OVERLAP)
        perturber = Perturber(load_perturbations(["gaussian"]), DrawSettings(0))
        (answer,) = predict(model, perturber(case, "gaussian", 20.0, 0).image[None], batch_size=BATCH[3])
        found = answer.masks
    else:
        with torch.no_grad():
            found = sliding_window_inference(
                case.image[None], PATCH, BATCH[3], model.network, overlap=OVERLAP, mode="gaussian"
            )
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{asked.which}: {clock:.0f} s by the clock, {processor:.0f} s of the processor, {peak:.2f} GiB at most, "
        f"answer {tuple(found.shape)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
