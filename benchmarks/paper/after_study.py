"""Fits priors to the codes of the trained networks of a study without [prior], then measures with them.

    .venv/bin/python benchmarks/paper/after_study.py runs/montgomery-narrow --attacked montgomery-attacked.csv

For each training seed it writes into the directory of the study: `after/signals-seedN` (which signal tells a failure,
and the likelihood of codes), `after/map-seedN` (codes chosen by distance and prior together), `after/attacked-seedN`.
What is finished is not computed again.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import robustq
from robustq.results.study import Study

PRIOR = robustq.Recipe(prior="after", epochs=10, batch_size=5, learning_rate=1e-3, schedule="cosine", precision="fp32")
FAILURES: dict[str, Any] = {"check": "failure,likelihood", "noise": ("gaussian", "rician"), "levels": (10, 30)}
DECODED: dict[str, Any] = {"noise": ("gaussian", "rician"), "levels": (0, 30), "metrics": "dice,hd95"}
ATTACKS: dict[str, Any] = {"attack": ("pgd@20", "apgd@20", "square@queries=50"), "levels": (0, 2)}


def with_prior(bundle: Path, data: str) -> Path:
    """The bundle with a prior over its codes; the bundle itself where it has one, or no codes to choose from."""
    model = robustq.load(bundle)
    vectors = None if model.quantiser is None else model.quantiser.vectors
    if model.prior is not None or vectors is None or vectors.shape[1] == 1:
        return bundle
    fitted = bundle.with_name("prior.safetensors")
    if not fitted.exists() or fitted.with_suffix(".resume.pt").exists():
        robustq.train(model, data, fitted, PRIOR)
    return fitted


def bundles_by_seed(study: Study) -> dict[int, dict[str, Path]]:
    """For each training seed, the bundles with their priors, by the names that they have in the runs of the study."""
    found: dict[int, dict[str, Path]] = defaultdict(dict)
    for step in study.steps:
        if step.kind == "train" and not step.reason:
            bundle = with_prior(study.bundles[step.name], step.train)
            seed = robustq.load(bundle).spec.seed
            found[seed][f"{next(iter(step.models))} seed{seed}"] = bundle
    return found


def measure(bundles: dict[str, Path], data: str, attacked: str, after: Path, seed: int) -> None:
    """The three measurements of the networks of one training seed."""
    robustq.analyse(bundles, data, **FAILURES, draws=2, split="test", out=after / f"signals-seed{seed}")
    decoded = {name: path for name, path in bundles.items() if robustq.load(path).prior is not None}
    robustq.stress(decoded, data, **DECODED, draws=1, split="test", decode="map", out=after / f"map-seed{seed}")
    robustq.stress(bundles, attacked, **ATTACKS, split="test", out=after / f"attacked-seed{seed}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit priors to the networks of a study, and measure with them.")
    parser.add_argument("study", type=Path, help="directory of a study that is finished")
    parser.add_argument("--attacked", required=True, help="cases that are attacked, few, as --data takes them")
    given = parser.parse_args()
    study = Study(given.study)
    data = next(step.train for step in study.steps)
    for seed, bundles in bundles_by_seed(study).items():
        measure(bundles, data, given.attacked, given.study / "after", seed)
        print(f"seed {seed}: {', '.join(bundles)}", flush=True)


if __name__ == "__main__":
    main()
