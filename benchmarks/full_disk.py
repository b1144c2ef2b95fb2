"""Does a command whose disk is full stop in one sentence and continue to the same files, wherever the disk ends?

    sudo python benchmarks/full_disk.py [--commands stress,analyse,minimal,train] [--step 10] [--to KIB] [--inodes]

A command writes into a file system in memory (tmpfs, of Linux) that holds 10 KiB, then 20 KiB, and so on until the
command ends by itself; with `--inodes`, one that holds 1 file or folder, then 2, and so on. Each time it has to end
with status 6, and with one sentence in place of a traceback. Then the file system grows, the same command is given
again, and its rows have to equal those of a run that had room from the beginning: byte for byte after sorting, a
trained bundle byte for byte in weights and spec. The first difference ends the script with status 1.

Every command has a process of its own, forked from this one after it has imported the libraries, which saves most of
the time.
"""

import argparse
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import torch
from torture import Command, bundle, prepared, rows

import robustq
from robustq_cli.main import main as robustq_command

IMPORTED = robustq.stress, robustq.analyse, robustq.minimal_level, robustq.train, robustq.write_page
"""What the processes share; the names of robustq are imported when they are used."""

DATA = ["--data", "phantom:cases=2,domain=B"]
PAGE = 4
"""KiB by which tmpfs counts, so that a size of 10 KiB is one of 12 KiB."""


def stress(folder: Path) -> list[str]:
    draws = ["--levels", "0,30", "--draws", "2", "--batch-size", "2"]
    return ["stress", *DATA, *draws, "--out", str(folder / "run")]


def analyse(folder: Path) -> list[str]:
    draws = ["--levels", "30", "--draws", "2", "--batch-size", "2", "--check", "liveness,latent-variance"]
    return ["analyse", *DATA, *draws, "--out", str(folder / "run")]


def minimal(folder: Path) -> list[str]:
    return ["minimal", *DATA, "--noise", "gaussian", "--draws", "1", "--out", str(folder / "run")]


def train(folder: Path) -> list[str]:
    data = ["--data", "phantom:cases=4,domain=A", "--epochs", "3", "--device", "cpu"]
    untrained = folder.parent / "prepared" / "m.safetensors"
    return ["train", str(untrained), *data, "--out", str(folder / "trained.safetensors")]


COMMANDS: dict[str, tuple[Command, Callable[[Path], bytes]]] = {
    "stress": (stress, rows),
    "analyse": (analyse, rows),
    "minimal": (minimal, rows),
    "train": (train, bundle),
}


@contextmanager
def small_disk(point: Path, limit: str) -> Iterator[None]:
    """A file system in memory of a limited size at this folder."""
    point.mkdir(exist_ok=True)
    _system("mount", "-t", "tmpfs", "-o", limit, "tmpfs", str(point))
    try:
        yield
    finally:
        # Lazily, because Arrow closes a file that it has read somewhat later.
        _system("umount", "--lazy", str(point))


def with_room(point: Path) -> None:
    """Let the file system hold as much as any command here needs."""
    _system("mount", "-o", "remount,size=1g,nr_inodes=100k", str(point))


def _system(*words: str) -> None:
    subprocess.run(words, check=True)


def ended(words: Sequence[str]) -> tuple[int | None, str]:
    """Run the command in a process of its own; its status and what it said."""
    with tempfile.NamedTemporaryFile("r") as said:
        process = multiprocessing.get_context("fork").Process(target=_run, args=(words, said.name))
        process.start()
        process.join()
        return process.exitcode, said.read()


def _run(words: Sequence[str], said: str) -> None:
    os.dup2(os.open(said, os.O_WRONLY), sys.stderr.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    torch.set_num_threads(1)
    sys.argv = ["robustq", *words]
    robustq_command()


def to_its_end(words: Sequence[str]) -> None:
    """Run a command that has room."""
    status, said = ended(words)
    if status != 0:
        sys.exit(f"robustq {' '.join(words)} ended with status {status}:\n{said}")


def stopped_by(status: int | None, said: str) -> str:
    """The file that could not be written; the script ends where that was not said as it should be."""
    sentences = [line for line in said.splitlines() if line.startswith("robustq: ")]
    pattern = r"robustq: cannot write (.*) \(.*\): free space there .* give the same command again; .*"
    told = re.fullmatch(pattern, sentences[-1]) if len(sentences) == 1 else None
    if status != 6 or told is None or "Traceback" in said or said.count("No space left") != 1:
        sys.exit(f"status {status} in place of 6, or not one sentence:\n{said}")
    return Path(told[1]).name


def scan(name: str, root: Path, step: int, most: int | None, inodes: bool) -> None:
    """Stop and continue a command at each size of the disk until it ends by itself."""
    command, read = COMMANDS[name]
    whole, disk = root / "whole", root / "disk"
    whole.mkdir()
    to_its_end(command(whole))
    expected, files = read(whole), Counter[str]()
    for amount in count(step, step):
        # The root of the file system counts as a folder.
        with small_disk(disk, f"nr_inodes={amount + 1}" if inodes else f"size={-(-amount // PAGE) * PAGE}k"):
            status, said = ended(command(disk))
            if status == 0 and read(disk) == expected and "could not" not in said:
                break
            files[stopped_by(status, said)] += 1
            with_room(disk)
            to_its_end(command(disk))
            if read(disk) != expected:
                sys.exit(f"{name}, {amount}: differs from the run that had room")
        if most is not None and amount >= most:
            break
    unit = "files and folders" if inodes else "KiB"
    print(f"{name}: stopped {files.total()} times with status 6 and continued to equal rows, up to {amount} {unit}")
    print("    stopped by " + ", ".join(f"{file} ({times})" for file, times in files.most_common()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", default="stress,analyse,minimal,train")
    parser.add_argument("--step", type=int, help="KiB by which the disk grows (10), or files (1)")
    parser.add_argument("--to", type=int, help="largest disk; by default the first on which the command ends by itself")
    parser.add_argument("--inodes", action="store_true", help="limit files and folders instead of bytes")
    asked = parser.parse_args()
    for name in asked.commands.split(","):
        with tempfile.TemporaryDirectory() as place:
            root = Path(place)
            if name == "train":
                prepared(root / "prepared")
            scan(name, root, asked.step or (1 if asked.inodes else 10), asked.to, asked.inodes)


if __name__ == "__main__":
    main()
