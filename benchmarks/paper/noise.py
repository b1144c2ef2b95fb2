"""Make Tables 4 to 6 on your data: UNet, its matched baseline and VQ-UNet under noise, with several training seeds.

    python benchmarks/paper/noise.py DATA --size 128x128 --epochs 30 --seeds 0,1,2 --out runs/montgomery
    python benchmarks/paper/noise.py DATA --dims 3 --crop 48x64x48 --classes 3 --epochs 6 --seeds 0 --out runs/hippo

Every network gets the same cases, recipe and noise; a finished training or run is not repeated. Each step is one
`robustq` command, as a user would type it.
"""

import argparse
import subprocess
from pathlib import Path

MODELS = {"unet": "none", "baseline": "identity:256", "vq": "1024x256"}


def robustq(*words: object) -> None:
    print("robustq", *words, flush=True)
    subprocess.run(["robustq", *map(str, words)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", default="30")
    parser.add_argument("--draws", default="10")
    parser.add_argument("--noise", default="gaussian,salt-and-pepper,poisson")
    parser.add_argument("--levels", default="0,1,10,20,30")
    parser.add_argument("--metrics", default="dice,hd95,assd")
    arguments, wrapping = parser.parse_known_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in arguments.seeds.split(","):
        models = []
        for name, quantise in MODELS.items():
            fresh = arguments.out / f"{name}-s{seed}-fresh.safetensors"
            trained = arguments.out / f"{name}-s{seed}.safetensors"
            if not trained.exists():
                robustq("wrap", "--arch", "unet", "--quantise", quantise, "--seed", seed, "--out", fresh, *wrapping)
                robustq("train", fresh, "--data", arguments.data, "--epochs", arguments.epochs, "--out", trained)
            models += ["--model", trained]
        runs.append(arguments.out / f"run-s{seed}")
        options = ("--noise", arguments.noise, "--levels", arguments.levels, "--draws", arguments.draws)
        robustq(
            "stress", *models, "--data", arguments.data, *options, "--metrics", arguments.metrics, "--out", runs[-1]
        )
        robustq("compare", runs[-1], "--baseline", f"baseline-s{seed}")
    if len(runs) > 1:
        robustq("compare", *runs, "--by", "architecture")


if __name__ == "__main__":
    main()
