"""How long do the promises of an analysis take, compared with the passes that they make?

The network is the paper's UNet with 1024x256, on one thread. Each quantity and its reference run in turn.

- The rates of a conformal threshold on a clean image and 4 draws; reference: 5 bare passes.
- A certificate: 220 noisy copies with their votes and tests; reference: as many bare passes.
- The attack on the smoothed model, 10 steps through 32 noisy passes; reference: 1280 bare passes, as each of the 320
  passes is made twice and followed backward, which takes about as long as two passes.
- The bound of the encoder; reference: a bare pass. It is computed once for each size of images.

    .venv/bin/python benchmarks/speed/guarantees.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys

import torch
from timing import in_turn, ratio, tell
from torch import Tensor

import robustq
from robustq.analyser import Draws
from robustq.dataset import Case
from robustq.latent.latents import latent
from robustq.testing.example_cases import example_case
from robustq_guarantees.certificate import CHOOSING, TESTING, certify
from robustq_guarantees.conformal import Conformal
from robustq_guarantees.lipschitz import encoder_bound
from robustq_guarantees.smoothed import Smoothed
from robustq_guarantees.smoothed_attack import PASSES, STEPS, attacked
from robustq_guarantees.threshold import split_groups

BATCH, SIZE, ROUNDS = 16, 64, 3


@torch.no_grad()
def run(model: robustq.Segmenter, images: Tensor) -> None:
    for batch in images.split(BATCH):
        model.run(batch)


def calibrated(model: robustq.Segmenter, cases: list[Case]) -> Conformal:
    """An analyser whose threshold is calibrated on one half of the cases, so that it tests the other."""
    analyser = Conformal(model, "fnr=0.5")
    for case in cases:
        analyser.clean(case, latent(model, case.image[None], batch_size=BATCH, axis=None))
    list(analyser.findings())
    return analyser


def main() -> None:
    torch.set_num_threads(1)
    rounds = 1 if "--quick" in sys.argv else ROUNDS
    model = robustq.wrap("unet", "1024x256").eval()
    images = torch.rand(4, 1, SIZE, SIZE)
    cases = [example_case(image, image > 0.5, name=name) for image, name in zip(images, "abcd", strict=True)]
    analyser = calibrated(model, cases)
    tested = split_groups("abcd", 0)[1]
    case = next(case for case in cases if case.entry.group in tested)
    clean = latent(model, case.image[None], batch_size=BATCH, axis=None)

    def rates() -> None:
        analyser.begin(case, clean)
        analyser.observe(Draws(0, clean, None, [case] * 4, BATCH))

    smoothed = Smoothed(model, 0.1)
    votes, attack = CHOOSING + TESTING, 4 * STEPS * PASSES
    works = {
        "rates of a clean image and 4 draws": (rates, 5),
        f"certificate from {votes} copies": (lambda: certify(smoothed, case, 0.05, BATCH), votes),
        f"attack on the smoothed model, {STEPS} steps": (lambda: attacked(smoothed, case, 0.05, BATCH), attack),
        "bound of the encoder": (lambda: encoder_bound(model, (SIZE, SIZE)), 1),
    }
    for question, (work, passes) in works.items():
        bare = images[:1].expand(passes, -1, -1, -1)
        seconds = in_turn({"ours": work, "passes": lambda bare=bare: run(model, bare)}, rounds=rounds, warm=0)
        found = ratio(seconds["ours"], seconds["passes"])
        tell(f"{question}, {SIZE}×{SIZE}", f"{passes} bare passes", found)


if __name__ == "__main__":
    main()
