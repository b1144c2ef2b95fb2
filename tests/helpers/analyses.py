"""Small analyses of small models."""

import torch

import robustq
from networks import noise, small
from robustq.data.open_dataset import open_dataset
from robustq.model.segmenter import Segmenter
from robustq.results.analysis import Analysis

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))


def model(quantise: str = "16x4", *, size: tuple[int, ...] = (24, 20), **settings: object) -> Segmenter:
    """A small untrained segmenter for the phantom, its codebook among its embeddings."""
    preparation = robustq.Preparation(dims=len(size), size=size, labels=LABELS)
    made = small(quantise, dims=len(size), classes=4, preparation=preparation, **settings)
    if made.quantiser is not None and made.quantiser.vectors is not None:
        tokens = made.encode(noise(1, 1, *size)).flatten(2)[0].T
        with torch.no_grad():
            made.quantiser.codebook.copy_(tokens[torch.linspace(0, len(tokens) - 1, 16).long()])
    return made


def analyse(models: dict[str, Segmenter] | None = None, **settings: object) -> Analysis:
    asked = {"data": "phantom:cases=2", "levels": [5, 30], "draws": 5, **settings}
    return robustq.analyse(models or {"vq": model(), "plain": model("none")}, **asked)
