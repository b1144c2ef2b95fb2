"""How long does an analysis take, compared with the encoder that it observes?

The network is the paper's UNet with 1024x256. Each of four quantities and its reference run in turn, several times, on
one thread. Medians and ratios are printed.

- Forward-mode products Jδ, where all draws of a case share one pass of the image; reference: one encoder pass for each
  image.
- Latent variance of 100 draws at 5 levels, with noise, search and statistics; reference: as many encoder passes.
- Signals of failure of 4 draws, without their latents; reference: 24 bare passes of the whole network.
- Exact margins of 4096 tokens and 1024 vectors; reference: the array of all differences.

    .venv/bin/python benchmarks/speed/latent.py
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

import robustq
from robustq.analyser import Draws
from robustq.dataset import Case, Entry, own_range
from robustq.draws.by_name import load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.geometry import margins
from robustq.latent.latents import latent
from robustq.latent.tangents import tangents
from robustq_latent.failure import Failure
from robustq_latent.latent_variance import LatentVariance

REPETITIONS = 5
BATCH = 16
DRAWS, LEVELS = 100, (1, 5, 10, 20, 30)


def in_turn(quantity: Callable[[], object], reference: Callable[[], object]) -> tuple[float, float]:
    """The median seconds of both, run alternately; the first run of each does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for repetition in range(REPETITIONS + 1):
        for seconds, work in zip(times, (quantity, reference), strict=True):
            start = time.perf_counter()
            work()
            if repetition:
                seconds.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def tell(title: str, seconds: tuple[float, float], per: float = 1.0) -> None:
    quantity, reference = seconds
    print(f"{title}: {quantity:.3f} s against {reference:.3f} s, ratio {quantity / reference * per:.2f}", flush=True)


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
    for dims, size, directions in ((2, (128, 128), 16), (3, (48, 64, 48), 2)):
        model = robustq.wrap("unet", "1024x256", dims=dims).eval()
        image, moved = torch.randn(1, *size), torch.randn(directions, 1, *size)

        def product(model: robustq.Segmenter = model, image: Tensor = image, moved: Tensor = moved) -> None:
            tangents(model, image, moved, axis=None)

        def passes(model: robustq.Segmenter = model, moved: Tensor = moved) -> None:
            encode(model, moved)

        shape = "×".join(map(str, size))
        tell(f"Jδ of {directions} draws at {shape}, in encoder passes a direction", in_turn(product, passes))

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
            for first in range(0, DRAWS, BATCH):
                numbers = range(first, min(first + BATCH, DRAWS))
                images = torch.stack([perturber(case, "gaussian", level, number).image for number in numbers])
                noisy = latent(model, images, batch_size=BATCH, axis=None)
                analyser.observe(Draws(first, noisy, None))
            list(analyser.end())

    images = image.expand(DRAWS * len(LEVELS), -1, -1, -1)
    tell(f"latent variance, {DRAWS} draws × {len(LEVELS)} levels", in_turn(variance, lambda: encode(model, images)))

    drawn = [perturber(case, "gaussian", 10, number) for number in range(4)]
    noisy = latent(model, torch.stack([each.image for each in drawn]), batch_size=BATCH, axis=None)

    def failure() -> None:
        analyser = Failure(model)
        analyser.begin(case, clean)
        analyser.observe(Draws(0, noisy, None, drawn, BATCH))

    bare = image.expand(24, -1, -1, -1)
    tell("signals of failure of 4 draws", in_turn(failure, lambda: run(model, bare)))

    tokens, codebook = torch.randn(4096, 256), torch.randn(1024, 256)
    tell("margins of 4096 tokens", in_turn(lambda: margins(tokens, codebook), lambda: spelled_out(tokens, codebook)))


def spelled_out(tokens: Tensor, codebook: Tensor) -> Tensor:
    """Margins from the differences of every token and every vector, 16 tokens at a time."""
    blocks = []
    vectors = codebook.double()
    apart = torch.cdist(vectors, vectors)
    for block in tokens.double().split(16):
        distances = (block[:, None] - vectors).square().sum(2)
        least, chosen = distances.min(1)
        faces = (distances - least[:, None]) / (2 * apart[chosen])
        blocks.append(faces.nan_to_num(nan=torch.inf).amin(1))
    return torch.cat(blocks)


if __name__ == "__main__":
    main()
