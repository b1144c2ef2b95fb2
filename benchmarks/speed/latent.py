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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
from robustq.latent.latents import Latent, latent
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


@dataclass(frozen=True)
class Scene:
    """A model, one case that it has seen, and what draws noise."""

    model: robustq.Segmenter
    case: Case
    clean: Latent
    perturber: Perturber

    @classmethod
    def small(cls) -> "Scene":
        model, image = robustq.wrap("unet", "1024x256").eval(), torch.rand(1, 128, 128)
        mask, entry = torch.ones(1, 128, 128) > 0, Entry("case", "case")
        case = Case(image, mask, own_range(image), (1.0, 1.0), "px", entry, ("x",))
        perturber = Perturber(load_perturbations(["gaussian"]), DrawSettings(seed=0))
        return cls(model, case, latent(model, image[None], batch_size=BATCH, axis=None), perturber)

    def drawn(self, level: float, numbers: Iterable[int]) -> list[Case]:
        return [self.perturber(self.case, "gaussian", level, number) for number in numbers]

    def latents(self, cases: Sequence[Case]) -> Latent:
        return latent(self.model, torch.stack([case.image for case in cases]), batch_size=BATCH, axis=None)

    def images(self, number: int) -> Tensor:
        return self.case.image.expand(number, -1, -1, -1)


def main() -> None:
    torch.set_num_threads(1)
    quick = "--quick" in sys.argv
    draws, rounds = (BATCH, 1) if quick else (DRAWS, REPETITIONS)
    for dims, size, directions in ((2, (128, 128), 16), (3, (48, 64, 48), 2)):
        time_tangents(dims, size, directions, rounds)
    scene = Scene.small()
    time_variance(scene, draws, min(rounds, 3))
    drawn = scene.drawn(10, range(4))
    noisy = scene.latents(drawn)
    time_failure(scene, drawn, noisy, min(rounds, 3))
    time_prior(scene, noisy, min(rounds, 3))
    time_margins()


def time_tangents(dims: int, size: tuple[int, ...], directions: int, rounds: int) -> None:
    model = robustq.wrap("unet", "1024x256", dims=dims).eval()
    image, moved = torch.randn(1, *size), torch.randn(directions, 1, *size)
    works = {"ours": lambda: tangents(model, image, moved, axis=None), "passes": lambda: encode(model, moved)}
    seconds = in_turn(works, rounds=rounds)
    tell(
        f"Taylor, a direction, {'×'.join(map(str, size))}",
        "an encoder pass",
        ratio(seconds["ours"], seconds["passes"]),
        most=2.2,
        note=f"{directions} directions share one pass of the image.",
        limit="Profiled in 3D: the tangents of the normalisations take 0.26 of the time; the convolution that "
        "PyTorch takes for a single image, for the image itself, 0.15.",
    )


def time_variance(scene: Scene, draws: int, rounds: int) -> None:
    def variance() -> None:
        analyser = LatentVariance(scene.model)
        analyser.clean(scene.case, scene.clean)
        for level in LEVELS:
            analyser.begin(scene.case, scene.clean)
            for first in range(0, draws, BATCH):
                noisy = scene.latents(scene.drawn(level, range(first, min(first + BATCH, draws))))
                analyser.observe(Draws(first, noisy, None))
            list(analyser.end())

    images = scene.images(draws * len(LEVELS))
    seconds = in_turn({"ours": variance, "passes": lambda: encode(scene.model, images)}, rounds=rounds)
    tell(
        f"latent variance, {draws} draws × {len(LEVELS)} levels",
        "as many encoder passes",
        ratio(seconds["ours"], seconds["passes"]),
        most=1.05,
    )


def time_failure(scene: Scene, drawn: Sequence[Case], noisy: Latent, rounds: int) -> None:
    def failure() -> None:
        analyser = Failure(scene.model)
        analyser.begin(scene.case, scene.clean)
        analyser.observe(Draws(0, noisy, None, drawn, BATCH))

    bare = scene.images(24)
    seconds = in_turn({"ours": failure, "passes": lambda: run(scene.model, bare)}, rounds=rounds)
    tell("signals of failure of 4 draws", "24 whole passes", ratio(seconds["ours"], seconds["passes"]))


def time_prior(scene: Scene, noisy: Latent, rounds: int) -> None:
    model, bare = scene.model, scene.images(4)
    prior = model.prior = CodePrior(1024)
    works = {"ours": lambda: code_nats(prior, noisy, 2, batch_size=BATCH), "passes": lambda: run(model, bare)}
    seconds = in_turn(works, rounds=rounds)
    tell("likelihood of 4 draws, beside their passes", "4 whole passes", ratio(seconds["ours"], seconds["passes"]))

    chooser = map_variant(model)
    works = {"ours": lambda: run(chooser, bare[:1]), "passes": lambda: run(model, bare[:1])}
    seconds = in_turn(works, rounds=rounds)
    tell("pass with --decode map, 128×128", "a whole pass", ratio(seconds["ours"], seconds["passes"]))


def time_margins() -> None:
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
