"""Run the scripts of this folder and write RESULTS.md: `make speed`.

    .venv/bin/python benchmarks/speed/run_all.py [SCRIPT ...] [--quick] [--limit SECONDS]

Scripts run one after the other, and what they print is shown. A script that fails, takes longer than the limit, or
needs a library that is not installed gets a line that says so, and the others run nevertheless. RESULTS.md is written
where they run at their full size; the lines of scripts that are not named stay, and each line has its day. `windows`
and `executors` take longer or need more processors, and are run by hand.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Any

from timing import ROWS

FOLDER = Path(__file__).parent
SCRIPTS = (
    "stress",
    "bf16",
    "authors",
    "draws_auto",
    "nearest",
    "quantiser",
    "training_step",
    "training_epoch",
    "perturbations",
    "metrics",
    "inference",
    "attacks",
    "latent",
    "guarantees",
    "memory",
    "growth",
)
LIBRARIES = ("numpy", "scipy", "monai", "vector-quantize-pytorch", "segmentation-models-pytorch", "torchattacks")

Row = Mapping[str, Any]


def run(script: str, arguments: list[str], limit: float) -> tuple[list[Row], str]:
    """The rows that a script told, and the reason if it did not end well."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows"
        process = subprocess.Popen(
            [sys.executable, str(FOLDER / f"{script}.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, ROWS: str(rows)},
        )
        timer = Timer(limit, process.kill)
        timer.start()
        started, last = monotonic(), ""
        assert process.stdout is not None, "it was asked for"
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
        process.wait()
        timer.cancel()
        told = [json.loads(line) for line in rows.read_text("utf-8").splitlines()] if rows.exists() else []
    if process.returncode == 0:
        return told, ""
    if monotonic() - started >= limit:
        return told, f"It was ended after {limit:.0f} s."
    return told, f"It failed: {last}"


def processor() -> str:
    """The name of the processor."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions() -> str:
    """The libraries and their versions."""
    import torch

    found = [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def line(script: str, row: Row) -> str:
    """One line of the table."""
    cpu = "" if row["cpu"] is None else f"{row['cpu']:.3g}"
    spread = "" if row["low"] == row["high"] else f"{row['low']:.3g} to {row['high']:.3g}"
    verdict = "" if not row["target"] else "missed" if row["missed"] else "met"
    cells = (
        row["question"],
        row["against"],
        row["target"],
        f"{row['wall']:.3g}",
        cpu,
        spread,
        verdict,
        f"`{script}`",
        f"{date.today()}",
        row["note"],
    )
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def kept_lines(path: Path) -> dict[str, list[str]]:
    """The lines of an earlier RESULTS.md, by script."""
    lines: dict[str, list[str]] = {}
    for text in path.read_text("utf-8").splitlines() if path.exists() else ():
        script = next((name for name in SCRIPTS if f"| `{name}` |" in text), None)
        if script is not None:
            lines.setdefault(script, []).append(text)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all scripts work")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which a script is ended")
    asked = parser.parse_args()
    results, begun = FOLDER / "RESULTS.md", monotonic()
    lines = kept_lines(results)
    for script in asked.scripts or SCRIPTS:
        print(f"\n{script} ({monotonic() - begun:.0f} s so far)", flush=True)
        rows, reason = run(script, ["--quick"] if asked.quick else [], asked.limit)
        lines[script] = [line(script, row) for row in rows]
        if reason:
            lines[script].append(f"| {script} |  |  |  |  |  | not measured | `{script}` | {date.today()} | {reason} |")
    text = f"""# Speed

Written by `make speed` or, for some scripts, `.venv/bin/python benchmarks/speed/run_all.py SCRIPT ...`. Each line is
one figure of `.venv/bin/python benchmarks/speed/SCRIPT.py`; its first lines say what is measured. Each script runs on
one thread.

Machine: {processor()}, {os.cpu_count()} processors, {platform.system()}. {versions()}.

Ratio: the median over rounds in which ours and the peer take turns. By CPU time: the same from the processor's seconds,
which other programs disturb less. Spread: the smallest and the largest ratio of a round.
Where a target is missed, the note says why as we expect it; only where it gives a share was that measured.

| question | against | target | ratio | by CPU time | spread | verdict | script | day | note |
|---|---|---|---:|---:|---|---|---|---|---|
""" + "".join(f"{row}\n" for script in SCRIPTS for row in lines.get(script, ()))
    if asked.quick:
        print(f"\n{text}")
    else:
        results.write_text(text, encoding="utf-8")
        print(f"\n{results} written")


if __name__ == "__main__":
    main()
