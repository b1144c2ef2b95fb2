"""How long does a stress run take, compared with as many plain passes of the network?

A plain pass is the bare network on images that are ready, in inference mode, in the batch size and memory format that
are the fastest here: they are found by a trial before. Beside it stand batches of 16 in the usual memory format. Run
and passes take turns on one thread. The time of the run is from its first piece to its last row, without the reading of
cases before; the metric is Dice.

    .venv/bin/python benchmarks/speed/stress.py [unet2d|resnet34|monai3d|unet3d ...] [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
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

FORMATS = {"contiguous": (torch.contiguous_format,) * 2, "channels last": (torch.channels_last, torch.channels_last_3d)}


@dataclass(frozen=True)
class Setup:
    """A network, and a run of it."""

    title: str
    name: str
    size: tuple[int, ...]
    batches: tuple[int, ...]
    draws: int
    levels: tuple[float, ...] = (10, 30)
    rounds: int = 3

    @property
    def dims(self) -> int:
        """Number of spatial axes."""
        return len(self.size)


SETUPS = {
    "unet2d": Setup("paper's UNet, 256²", "unet", (256, 256), (1, 2, 4, 16), 16),
    "resnet34": Setup("smp:unet with resnet34, 256²", "smp:unet", (256, 256), (1, 2, 4, 16), 48),
    "monai3d": Setup("monai:unet, 64³", "monai:unet", (64, 64, 64), (1, 2, 4), 24),
    "unet3d": Setup("paper's UNet, 96³", "unet", (96, 96, 96), (1, 2), 5, levels=(10,), rounds=2),
}


def quick(setup: Setup) -> Setup:
    """The same with small images and few draws, to see that a script works."""
    size = tuple(extent // (4 if setup.dims == 2 else 2) for extent in setup.size)
    title = f"{setup.title} (quick: {' × '.join(map(str, size))})"
    return replace(setup, title=title, size=size, draws=4, batches=setup.batches[:2], rounds=1)


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


def run_of(model: robustq.Segmenter, setup: Setup, precision: str = "fp32") -> tuple[Seconds, int, robustq.Run]:
    """Seconds of a stress run from its first piece to its last row, its number of passes, and the run."""
    wall: list[float] = []
    cpu: list[float] = []

    def note(progress: object) -> None:
        wall.append(time.perf_counter())
        cpu.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        run = robustq.stress(
            {"model": model},
            dataset(setup.size),
            levels=setup.levels,
            draws=setup.draws,
            out=Path(folder) / "run",
            precision=precision,
            on_progress=note,
        )
        frame = run.to_frame()
    number = len(frame[["case", "perturbation", "level", "draw"]].drop_duplicates())
    return Seconds([wall[-1] - wall[0]], [cpu[-1] - cpu[0]]), number, run


def measure(setup: Setup) -> None:
    """Print the ratios of one network."""
    print(f"{setup.title} ...", flush=True)
    model = model_of(setup)
    networks = bare(model.network, setup.dims)
    most = max(setup.batches)
    images = torch.rand(most, 1, *setup.size, generator=torch.Generator().manual_seed(0))
    batch, layout = fastest(networks, images, setup.batches)
    many = images[torch.arange(setup.draws * len(setup.levels) + 1) % most]
    ours, best, usual = Seconds([], []), Seconds([], []), Seconds([], [])
    number = 0
    for _ in range(setup.rounds):
        seconds, number, _ = run_of(model, setup)
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
    factor = len(many) / number
    sizes = f"{number} passes; plain pass {1000 * best.median / len(many):.0f} ms."
    tell(
        f"stress, {setup.title}",
        f"plain passes, the best (batch {batch}, {layout})",
        ratio(ours, best, factor),
        most=1.05,
        note=sizes,
        limit="The run makes its passes in another batch size or memory format than the fastest.",
    )
    tell(f"stress, {setup.title}", f"plain passes, batch {most}, contiguous", ratio(ours, usual, factor))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(SETUPS))
    parser.add_argument("--quick", action="store_true", help="small images and few draws, to see that it works")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.names:
        setup = SETUPS[name]
        measure(quick(setup) if asked.quick else setup)


if __name__ == "__main__":
    main()
