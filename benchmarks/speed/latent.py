"""What does an analysis cost beside the encoder it watches?

The paper's UNet with 1024x256. Each quantity and its peer run in turn, several times, one thread; medians and ratios
are printed.

- a forward-mode product, all draws of a case sharing the pass of the image, against one encoder pass an image;
- latent variance of 100 draws at 5 levels, noise, search and statistics included, against as many encoder passes;
- exact margins of 4096 tokens against 1024 vectors, beside the straightforward array of all differences.

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
from robustq_latent.latent_variance import LatentVariance

REPETITIONS = 5
BATCH = 16
DRAWS, LEVELS = 100, (1, 5, 10, 20, 30)


def in_turn(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Medians of the seconds both take, run alternately after one run that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for repetition in range(REPETITIONS + 1):
        for kept, work in zip(times, (one, other), strict=True):
            start = time.perf_counter()
            work()
            if repetition:
                kept.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def tell(what: str, seconds: tuple[float, float], per: float = 1.0) -> None:
    one, other = seconds
    print(f"{what}: {one:.3f} s against {other:.3f} s, ratio {one / other * per:.2f}", flush=True)


@torch.no_grad()
def encode(model: robustq.Segmenter, images: Tensor) -> None:
    for batch in images.split(BATCH):
        model.encode(batch)


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
                seen = latent(model, images, batch_size=BATCH, axis=None)
                analyser.observe(Draws(first, seen, None))
            list(analyser.end())

    images = image.expand(DRAWS * len(LEVELS), -1, -1, -1)
    tell(f"latent variance, {DRAWS} draws × {len(LEVELS)} levels", in_turn(variance, lambda: encode(model, images)))

    tokens, codebook = torch.randn(4096, 256), torch.randn(1024, 256)
    tell("margins of 4096 tokens", in_turn(lambda: margins(tokens, codebook), lambda: spelled_out(tokens, codebook)))


def spelled_out(tokens: Tensor, codebook: Tensor) -> Tensor:
    """Margins from the differences of every token and vector, 16 tokens at a time."""
    found = []
    vectors = codebook.double()
    apart = torch.cdist(vectors, vectors)
    for part in tokens.double().split(16):
        distances = (part[:, None] - vectors).square().sum(2)
        least, chosen = distances.min(1)
        faces = (distances - least[:, None]) / (2 * apart[chosen])
        found.append(faces.nan_to_num(nan=torch.inf).amin(1))
    return torch.cat(found)


if __name__ == "__main__":
    main()
