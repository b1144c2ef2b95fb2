"""How long does an analysis take, compared with the encoder that it observes?

The network is the paper's UNet with 1024x256. Each quantity and its reference run in turn, several times, on one
thread. Ratios are printed.

- Forward-mode products Jδ, where all draws of a case share one pass of the image; reference: one encoder pass for each
  image.
- Latent variance of 100 draws at 5 levels, with noise, search and statistics; reference: as many encoder passes.
- Signals of failure of 4 draws, without their latents; reference: 24 bare passes of the whole network.
- Nats of the codes of 4 draws under a prior; reference: 4 bare passes, without which there are no codes.
- A pass whose codes are chosen by distance and prior together; reference: a bare pass.
- Exact margins of 4096 tokens and 1024 vectors; reference: the array of all differences.

    .venv/bin/python benchmarks/speed/latent.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys

import torch
from timing import in_turn, ratio, tell
from torch import Tensor

import robustq
from robustq.analyser import Draws
from robustq.dataset import Case, Entry, own_range
from robustq.draws.by_name import load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.geometry import margins
from robustq.latent.code_nats import code_nats
from robustq.latent.latents import latent
from robustq.latent.tangents import tangents
from robustq.model.prior import CodePrior
from robustq.run.map_variants import map_variant
from robustq_latent.failure import Failure
from robustq_latent.latent_variance import LatentVariance

REPETITIONS = 5
BATCH = 16
DRAWS, LEVELS = 100, (1, 5, 10, 20, 30)


@torch.no_grad()
def encode(model: robustq.Segmenter, images: Tensor) -> None:
    for batch in images.split(BATCH):
        model.encode(batch)


@torch.no_grad()
def run(model: robustq.Segmenter, images: Tensor) -> None:
    for batch in images.split(BATCH):
        model.run(batch)


def main() -> None:
    torch.set_num_threads(1)
    quick = "--quick" in sys.argv
    draws, rounds = (BATCH, 1) if quick else (DRAWS, REPETITIONS)
    for dims, size, directions in ((2, (128, 128), 16), (3, (48, 64, 48), 2)):
        model = robustq.wrap("unet", "1024x256", dims=dims).eval()
        image, moved = torch.randn(1, *size), torch.randn(directions, 1, *size)

        def product(model: robustq.Segmenter = model, image: Tensor = image, moved: Tensor = moved) -> None:
            tangents(model, image, moved, axis=None)

        def passes(model: robustq.Segmenter = model, moved: Tensor = moved) -> None:
            encode(model, moved)

        shape = "×".join(map(str, size))
        seconds = in_turn({"ours": product, "passes": passes}, rounds=rounds)
        tell(
            f"Taylor, a direction, {shape}",
            "an encoder pass",
            ratio(seconds["ours"], seconds["passes"]),
            most=2.2,
            note=f"{directions} directions share one pass of the image.",
            limit="Profiled in 3D: the tangents of the normalisations take 0.26 of the time; the convolution that "
            "PyTorch takes for a single image, for the image itself, 0.15.",
        )

    model = robustq.wrap("unet", "1024x256").eval()
    image = torch.rand(1, 128, 128)
    case = Case(image, torch.ones(1, 128, 128) > 0, own_range(image), (1.0, 1.0), "px", Entry("case", "case"), ("x",))
    perturber = Perturber(load_perturbations(["gaussian"]), DrawSettings(seed=0))
    clean = latent(model, image[None], batch_size=BATCH, axis=None)

    def variance() -> None:
        analyser = LatentVariance(model)
        analyser.clean(case, clean)
        for level in LEVELS:
            analyser.begin(case, clean)
            for first in range(0, draws, BATCH):
                numbers = range(first, min(first + BATCH, draws))
                images = torch.stack([perturber(case, "gaussian", level, number).image for number in numbers])
                noisy = latent(model, images, batch_size=BATCH, axis=None)
                analyser.observe(Draws(first, noisy, None))
            list(analyser.end())

    images = image.expand(draws * len(LEVELS), -1, -1, -1)
    seconds = in_turn({"ours": variance, "passes": lambda: encode(model, images)}, rounds=min(rounds, 3))
    tell(
        f"latent variance, {draws} draws × {len(LEVELS)} levels",
        "as many encoder passes",
        ratio(seconds["ours"], seconds["passes"]),
        most=1.05,
    )

    drawn = [perturber(case, "gaussian", 10, number) for number in range(4)]
    noisy = latent(model, torch.stack([each.image for each in drawn]), batch_size=BATCH, axis=None)

    def failure() -> None:
        analyser = Failure(model)
        analyser.begin(case, clean)
        analyser.observe(Draws(0, noisy, None, drawn, BATCH))

    bare = image.expand(24, -1, -1, -1)
    seconds = in_turn({"ours": failure, "passes": lambda: run(model, bare)}, rounds=min(rounds, 3))
    tell("signals of failure of 4 draws", "24 whole passes", ratio(seconds["ours"], seconds["passes"]))

    prior = model.prior = CodePrior(1024)
    bare = image.expand(4, -1, -1, -1)
    works = {"ours": lambda: code_nats(prior, noisy, 2, batch_size=BATCH), "passes": lambda: run(model, bare)}
    seconds = in_turn(works, rounds=min(rounds, 3))
    tell("likelihood of 4 draws, beside their passes", "4 whole passes", ratio(seconds["ours"], seconds["passes"]))

    chooser = map_variant(model)
    works = {"ours": lambda: run(chooser, bare[:1]), "passes": lambda: run(model, bare[:1])}
    seconds = in_turn(works, rounds=min(rounds, 3))
    tell("pass with --decode map, 128×128", "a whole pass", ratio(seconds["ours"], seconds["passes"]))

    tokens, codebook = torch.randn(4096, 256), torch.randn(1024, 256)
    works = {"ours": lambda: margins(tokens, codebook), "spelled out": lambda: spelled_out(tokens, codebook)}
    assert torch.allclose(margins(tokens, codebook)[:64], spelled_out(tokens[:64], codebook))
    seconds = in_turn(works, rounds=1)
    tell("margins of 4096 tokens", "all differences", ratio(seconds["ours"], seconds["spelled out"]))


def spelled_out(tokens: Tensor, codebook: Tensor) -> Tensor:
    """Margins from the differences of every token and every vector, 16 tokens at a time."""
    blocks = []
    vectors = codebook.double()
    apart = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    for block in tokens.double().split(16):
        distances = (block[:, None] - vectors).square().sum(2)
        least, chosen = distances.min(1)
        faces = (distances - least[:, None]) / (2 * apart[chosen])
        blocks.append(faces.nan_to_num(nan=torch.inf).amin(1))
    return torch.cat(blocks)


if __name__ == "__main__":
    main()
