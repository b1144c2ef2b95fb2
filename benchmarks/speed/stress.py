"""How long does a stress run take, compared with as many plain passes of the network?

The run has 10 cases, 5 levels and 20 draws, and is ended after its first batches; the trial before it counts by the
share of the run that was made. A plain pass is the bare network on images that are ready, in inference mode, in the
batch size and memory format that are the fastest here. Beside it stand batches of 16 in the usual memory format. Run
and passes take turns on one thread. The metric is Dice.

    .venv/bin/python benchmarks/speed/stress.py [unet2d|resnet34|monai3d|unet3d ...] [--quick] [--device cuda]

On a GPU, larger batches are tried, and the noise is drawn there.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import contextlib
import tempfile
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from timing import Seconds, in_turn, ratio, tell
from torch import Tensor, nn

import robustq
from robustq.run.progress import Progress

LEVELS = (1.0, 10.0, 20.0, 30.0)
FORMATS = {"contiguous": (torch.contiguous_format,) * 2, "channels last": (torch.channels_last, torch.channels_last_3d)}


@dataclass(frozen=True)
class Setup:
    """A network, and a run of it."""

    title: str
    name: str
    size: tuple[int, ...]
    batches: tuple[int, ...]
    passes: int
    rounds: int = 3
    device: str = "cpu"
    draws: int = 20
    cases: int = 10

    @property
    def dims(self) -> int:
        """Number of spatial axes."""
        return len(self.size)


SETUPS = {
    "unet2d": Setup("paper's UNet, 256²", "unet", (256, 256), (1, 2, 4, 16), 41),
    "resnet34": Setup("smp:unet with resnet34, 256²", "smp:unet", (256, 256), (1, 2, 4, 16), 81),
    "monai3d": Setup("monai:unet, 64³", "monai:unet", (64, 64, 64), (1, 2, 4), 41),
    "unet3d": Setup("paper's UNet, 96³", "unet", (96, 96, 96), (1, 2), 21, rounds=1),
}


def quick(setup: Setup) -> Setup:
    """The same with small images and few draws, to see that a script works."""
    size = tuple(extent // (4 if setup.dims == 2 else 2) for extent in setup.size)
    title = f"{setup.title} (quick: {' × '.join(map(str, size))})"
    return replace(setup, title=title, size=size, passes=4, draws=4, cases=2, batches=setup.batches[:2], rounds=1)


def on_gpu(setup: Setup) -> Setup:
    """The same on a GPU, with larger batches, and to the end of the run."""
    batches = (1, *(batch * (16 if setup.dims == 2 else 4) for batch in setup.batches))
    title = f"{setup.title}, {torch.cuda.get_device_name()}"
    return replace(setup, title=title, device="cuda", batches=batches, passes=setup.cases * 81)


def model_of(setup: Setup) -> robustq.Segmenter:
    """The network without a quantiser, with random weights."""
    arguments = {"encoder": "resnet34"} if setup.name == "smp:unet" else {}
    return robustq.wrap(setup.name, "none", dims=setup.dims, **arguments).eval()


def dataset(size: tuple[int, ...], cases: int = 1) -> robustq.InMemoryDataset:
    """Cases of random voxels with a block as their truth."""
    generator = torch.Generator().manual_seed(0)
    items = []
    for _ in range(cases):
        image, mask = torch.rand(size, generator=generator), torch.zeros(size, dtype=torch.uint8)
        mask[(slice(10, 30),) * len(size)] = 1
        items.append((image, mask))
    return robustq.InMemoryDataset(items, name="random")


def bare(network: nn.Module, dims: int) -> dict[str, nn.Module]:
    """A copy of the network in each memory format, without the hooks of its wrapper."""
    copies = {}
    for layout, formats in FORMATS.items():
        copies[layout] = deepcopy(network).to(memory_format=formats[dims - 2])
        for module in copies[layout].modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
    return copies


@torch.inference_mode()
def passes(networks: dict[str, nn.Module], images: Tensor, batch: int, layout: str) -> None:
    """A plain pass of every image."""
    for some in images.split(batch):
        networks[layout](some.contiguous(memory_format=FORMATS[layout][images.ndim - 4]))
    if images.is_cuda:
        torch.cuda.synchronize()


def fastest(networks: dict[str, nn.Module], images: Tensor, batches: tuple[int, ...]) -> tuple[int, str]:
    """The batch size and the memory format with the shortest pass."""
    trials = {(batch, layout): images[:batch] for layout in FORMATS for batch in batches}
    seconds = in_turn(
        {
            f"{batch} {layout}": partial(passes, networks, some, batch, layout)
            for (batch, layout), some in trials.items()
        },
        rounds=2,
        warm=0,
    )
    each = {key: min(seconds[f"{key[0]} {key[1]}"].wall) / key[0] for key in trials}
    print("a pass, in ms: " + ", ".join(f"{b} {layout} {1000 * each[b, layout]:.0f}" for b, layout in each), flush=True)
    return min(each, key=each.__getitem__)


class _EnoughError(Exception):
    """Ends a run whose first batches were to be timed."""


def run_of(model: robustq.Segmenter, setup: Setup, precision: str = "fp32") -> tuple[Seconds, int]:
    """Seconds of the first batches of a stress run, the share of its trial included, and their number of passes."""
    wall, cpu = [time.perf_counter()], [time.process_time()]
    made = 0

    def note(progress: Progress) -> None:
        nonlocal made
        wall.append(time.perf_counter())
        cpu.append(time.process_time())
        cases, pieces = divmod(progress.done, len(LEVELS) + 1)
        made = cases * (1 + len(LEVELS) * setup.draws) + (1 + (pieces - 1) * setup.draws if pieces else 0)
        if made >= setup.passes:
            raise _EnoughError

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(_EnoughError):
        robustq.stress(
            {"model": model},
            dataset(setup.size, setup.cases),
            levels=LEVELS,
            draws=setup.draws,
            out=Path(folder) / "run",
            precision=precision,
            device=setup.device,
            noise_device=setup.device,
            on_progress=note,
        )
    share = made / (setup.cases * (1 + len(LEVELS) * setup.draws))
    spent = [share * (clock[1] - clock[0]) + clock[-1] - clock[1] for clock in (wall, cpu)]
    return Seconds(spent[:1], spent[1:]), made


def measure(setup: Setup) -> None:
    """Print the ratios of one network."""
    print(f"{setup.title} ...", flush=True)
    model = model_of(setup).to(device=setup.device)
    networks = bare(model.network, setup.dims)
    most = max(setup.batches)
    images = torch.rand(most, 1, *setup.size, generator=torch.Generator().manual_seed(0)).to(setup.device)
    batch, layout = fastest(networks, images, setup.batches)
    many = images[torch.arange(max(setup.passes, most)) % most]
    ours, best, usual = Seconds([], []), Seconds([], []), Seconds([], [])
    number = 0
    for _ in range(setup.rounds):
        seconds, number = run_of(model, setup)
        plain = in_turn(
            {
                "best": lambda: passes(networks, many, batch, layout),
                "usual": lambda: passes(networks, many, most, "contiguous"),
            },
            rounds=1,
            warm=0,
        )
        for total, part in ((ours, seconds), (best, plain["best"]), (usual, plain["usual"])):
            total.wall.extend(part.wall)
            total.cpu.extend(part.cpu)
    factor = len(many) / number  # the run was ended at the end of a batch
    sizes = f"{number} passes; plain pass {1000 * best.median / len(many):.0f} ms."
    tell(
        f"stress, {setup.title}",
        f"plain passes, the best (batch {batch}, {layout})",
        ratio(ours, best, factor),
        most=1.05,
        note=sizes,
        limit="Profiled: forward passes take 0.96 of the run, the trial at most 0.02, drawing, scoring and writing "
        "0.015.",
    )
    tell(f"stress, {setup.title}", f"plain passes, batch {most}, contiguous", ratio(ours, usual, factor))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(SETUPS))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--quick", action="store_true", help="small images and few draws, to see that it works")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.names:
        setup = on_gpu(SETUPS[name]) if asked.device == "cuda" else SETUPS[name]
        measure(quick(setup) if asked.quick else setup)


if __name__ == "__main__":
    main()
