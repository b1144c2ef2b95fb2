"""Runs a function in two processes that are connected as those of `accelerate launch` are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed


def in_two_processes(work: Callable[..., Any], folder: Path, *arguments: object) -> list[Any]:
    """What a function of a helper module gives in each process.

    Args:
        work: the function.
        folder: an empty folder in which the processes meet.
        arguments: arguments of the function, in both processes.
    """
    torch.multiprocessing.start_processes(_begin, (work, folder, arguments), nprocs=2, start_method="spawn")
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


def _begin(rank: int, work: Callable[..., Any], folder: Path, arguments: tuple[object, ...]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(work(*arguments), folder / f"{rank}.pt")
    distributed.destroy_process_group()
