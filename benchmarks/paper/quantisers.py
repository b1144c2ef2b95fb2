"""Which quantiser is robust, and how many of its codes are used? Every quantiser is trained alike on one task.

    python benchmarks/paper/quantisers.py DATA --size 128x128 --epochs 30 --seeds 0,1,2 --out runs/quantisers
    python benchmarks/paper/quantisers.py phantom --size 64x64 --classes 4 --epochs 1 --seeds 0 --only vq --out runs/q

Every registered quantiser is trained, and those of vector-quantize-pytorch too if it is installed. A codebook has 1024
vectors of 256 channels; other kinds have about 1024 codes. The table shows means over seeds (± sample sd if there are
several): Dice of clean cases and at 30 %, codes in use, perplexity, and relative latent variance at 30 %. A finished
training, run or analysis is not repeated. Each step is one `robustq` command, as a user would type it.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from robustq import registry
from robustq.report.numbers import mean_sd

# Two stages of 512 codes are 1024 codes, and 8·5·5·5 = 1000.
SIZES = {
    "KxD": "1024x256",
    "QxKxD": "2x512x256",
    "GxQxKxD": "2x2x256x256",
    "Lx...": "8x5x5x5",
    "QxLx...": "2x8x8x8",
    "GxQxLx...": "2x2x7x6x6",
    "BITS": "10",
    "QxBITS": "2x9",
    "GxQxBITS": "2x2x8",
    "D": "256",
}
LEVEL = 30


def robustq(*words: object) -> str:
    print("robustq", *words, flush=True)
    return subprocess.run(["robustq", *map(str, words)], check=True, stdout=subprocess.PIPE, text=True).stdout


def quantisers(only: str) -> dict[str, str]:
    """The texts of `--quantise`, by a name that fits into a file name."""
    names = only.split(",") if only else registry.names("quantisers")
    texts = {name: f"{name}:{SIZES[registry.load('quantisers', name).grammar]}" for name in names}
    return {"none": "none"} | {name.replace(":", "-"): text for name, text in texts.items()}


def train(arguments: argparse.Namespace, wrapping: list[str], name: str, quantise: str, seed: str) -> Path:
    fresh = arguments.out / f"{name}-s{seed}-fresh.safetensors"
    trained = arguments.out / f"{name}-s{seed}.safetensors"
    if not trained.exists():
        robustq("wrap", "--arch", "unet", "--quantise", quantise, "--seed", seed, "--out", fresh, *wrapping)
        robustq("train", fresh, "--data", arguments.data, "--epochs", arguments.epochs, "--out", trained)
    return trained


def figures(arguments: argparse.Namespace, models: list[Path], seed: str) -> dict[str, dict[str, float]]:
    """The figures that the table shows, for one seed, by model."""
    options = ("--data", arguments.data, "--noise", arguments.noise, "--draws", arguments.draws, "--json")
    model_options = [word for model in models for word in ("--model", model)]
    levels = f"0,{LEVEL}"
    stressed = json.loads(
        robustq("stress", *model_options, *options, "--levels", levels, "--out", arguments.out / f"stress-s{seed}")
    )
    analysed = json.loads(
        robustq(
            "analyse",
            *models,
            *options,
            "--levels",
            str(LEVEL),
            "--check",
            "latent-variance",
            "--out",
            arguments.out / f"latents-s{seed}",
        )
    )
    by_model: dict[str, dict[str, float]] = {}
    for curve in stressed["curves"]:
        if curve["metric"] == "dice":
            dice = {point["level"]: point["mean"] for point in curve["levels"]}
            by_model.setdefault(curve["model"], {}).update({"clean": dice[0], "noisy": dice[LEVEL]})
    for model, described in stressed["models"].items():
        codes = described["codes"]
        if codes["used"] is not None:
            by_model[model].update({key: codes[key] for key in ("used", "size", "perplexity")})
    for row in analysed["per_case"]:
        if row["metric"] == "relative":
            by_model[row["model"]]["relative"] = row["mean"]
    return by_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", default="30")
    parser.add_argument("--draws", default="10")
    parser.add_argument("--noise", default="gaussian", help="one perturbation")
    parser.add_argument("--only", default="", help="quantisers, separated by commas; by default all")
    arguments, wrapping = parser.parse_known_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    texts = quantisers(arguments.only)
    seeds = arguments.seeds.split(",")
    by_seed = {}
    for seed in seeds:
        models = [train(arguments, wrapping, name, text, seed) for name, text in texts.items()]
        by_seed[seed] = figures(arguments, models, seed)
    table = Table(
        title=f"Quantisers on {arguments.data}, {arguments.noise}, {arguments.epochs} epochs, seeds {arguments.seeds}"
    )
    for header in ("quantiser", "Dice clean", f"Dice at {LEVEL} %", "codes used", "perplexity", "relative variance"):
        table.add_column(header, justify="left" if header == "quantiser" else "right")
    for name, text in texts.items():
        rows = [by_seed[seed][f"{name}-s{seed}"] for seed in seeds]
        used = f"{_mean_sd(rows, 'used', 0)} of {rows[0]['size']:.0f}" if "used" in rows[0] else "–"
        cells = [_mean_sd(rows, key, digits) for key, digits in (("perplexity", 1), ("relative", 3))]
        table.add_row(text, _mean_sd(rows, "clean", 4), _mean_sd(rows, "noisy", 4), used, *cells)
    Console(width=120).print(table)


def _mean_sd(rows: list[dict[str, float]], key: str, digits: int) -> str:
    """Mean and sd over seeds; "–" if a quantiser has no such figure."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return mean_sd(np.mean(values), np.std(values, ddof=1) if len(values) > 1 else np.nan, digits) if values else "–"


if __name__ == "__main__":
    main()
