"""Do commands that are killed at any moment, and given again, end with the files of one that nobody killed?

    python benchmarks/torture.py [--stress 50] [--analyse 20] [--minimal 10] [--train 10] [--executor local] [--seed 0]

Each command is killed (SIGKILL) up to three times, at random moments of its work, and given again until it ends by
itself. Rows are compared byte for byte after sorting, trained bundles byte for byte in weights and spec. The first
difference ends the script with status 1. Where a trial would look for the fastest batch size, the size is given: the
trial may choose another one in another run, and figures then differ by rounding.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from safetensors import safe_open

Command = Callable[[Path], list[str]]
"""From the folder in which a command writes to its words."""

DATA = "phantom:cases=4,domain=B"
LABELS = "1=left lung,2=right lung,3=heart"
BATCHES = ("--batch-size", "4")
KILLS = 3


def stress(folder: Path) -> list[str]:
    return ["stress", "--data", DATA, "--levels", "0,10,30", "--draws", "4", *BATCHES, "--out", str(folder / "run")]


def analyse(folder: Path) -> list[str]:
    return ["analyse", "--data", DATA, "--levels", "10,30", "--draws", "6", *BATCHES, "--out", str(folder / "run")]


def minimal(folder: Path) -> list[str]:
    return ["minimal", "--data", DATA, "--noise", "gaussian", "--draws", "2", "--out", str(folder / "run")]


def train(folder: Path) -> list[str]:
    data, epochs = ["--data", "phantom:cases=12,domain=A"], ["--epochs", "6", "--device", "cpu"]
    return ["train", str(folder / "m.safetensors"), *data, *epochs, "--out", str(folder / "trained.safetensors")]


def _with_executor(command: Command, executor: str, folder: Path) -> list[str]:
    return [*command(folder), "--executor", executor]


def rows(folder: Path) -> bytes:
    """The rows of a run directory as text, sorted."""
    table = pq.read_table(folder / "run" / "results.parquet")
    lines = sorted(json.dumps(row, sort_keys=True) for row in table.to_pylist())
    return "\n".join(lines).encode()


def bundle(folder: Path) -> bytes:
    """The weights and the spec of a trained bundle."""
    with safe_open(folder / "trained.safetensors", framework="numpy") as file:
        weights = {name: file.get_tensor(name).tobytes().hex() for name in sorted(file.keys())}
        spec = {name: _without_times(text) for name, text in (file.metadata() or {}).items()}
    return json.dumps([spec, weights], sort_keys=True).encode()


def _without_times(text: str) -> Any:
    """A document without how long its epochs took, which no two runs share."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cleaned(entry) for key, entry in value.items() if key != "seconds"}
        return [cleaned(entry) for entry in value] if isinstance(value, list) else value

    try:
        return cleaned(json.loads(text))
    except ValueError:
        return text


def started(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """The command as a process that leads a group of its own, so that its workers can be killed with it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "robustq", *words]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def to_its_end(words: Sequence[str]) -> float:
    """Run the command until it ends; the seconds that it took."""
    begun = time.perf_counter()
    process = started(words)
    _, complaints = process.communicate()
    if process.returncode != 0:
        sys.exit(f"robustq {' '.join(words)} ended with status {process.returncode}:\n{complaints.decode()}")
    return time.perf_counter() - begun


def killed(words: Sequence[str], seconds: float) -> bool:
    """Run the command for so long, then kill it; whether it was still at work."""
    process = started(words)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def prepared(folder: Path) -> Path:
    """A folder with an untrained bundle, for `train`."""
    folder.mkdir()
    model = folder / "m.safetensors"
    wrap = ["wrap", "--arch", "unet", "--quantise", "16x8", "--size", "32x32", "--labels", LABELS]
    to_its_end([*wrap, "--set", "width=4", "--set", "scales=3", "--set", "groups=2", "--out", str(model)])
    return folder


def torture(name: str, command: Command, read: Callable[[Path], bytes], times: int, chance: random.Random) -> None:
    """Compare `times` killed runs of a command with one that nobody killed."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        whole = prepared(root / "whole") if name == "train" else root / "whole"
        seconds = to_its_end(command(whole))
        expected, kills = read(whole), 0
        for number in range(times):
            folder = root / str(number)
            if name == "train":
                folder.mkdir()
                (folder / "m.safetensors").write_bytes((whole / "m.safetensors").read_bytes())
            for _ in range(chance.randint(1, KILLS)):
                # A third is the start of Python and its libraries, in which there is nothing to lose.
                kills += killed(command(folder), chance.uniform(0.3, 1) * seconds)
            if not (folder / "trained.safetensors").exists():  # a kill after the last file leaves nothing to do
                to_its_end(command(folder))
            if read(folder) != expected:
                sys.exit(f"{name} {number}: differs from the run that nobody killed")
        print(f"{name}: {times} runs, killed {kills} times, equal to one of {seconds:.0f} s that nobody killed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stress", type=int, default=50)
    parser.add_argument("--analyse", type=int, default=20)
    parser.add_argument("--minimal", type=int, default=10)
    parser.add_argument("--train", type=int, default=10)
    parser.add_argument("--executor", default="local", help="executor of the killed and of the whole runs")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    for command in (stress, analyse, minimal):
        times = getattr(asked, command.__name__)
        if times:
            torture(command.__name__, partial(_with_executor, command, asked.executor), rows, times, chance)
    if asked.train:
        torture("train", train, bundle, asked.train, chance)


if __name__ == "__main__":
    main()
