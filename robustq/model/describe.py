"""Describe a segmenter: where it is cut, the shapes at the cut, and how many parameters it has."""

from dataclasses import dataclass

import torch

from robustq.model.segmenter import Segmenter
from robustq.model.spec import NO_SITE
from robustq.network.named_site import features_at


@dataclass(frozen=True)
class Description:
    """A segmenter's site, shapes and number of parameters, for one size of image.

    Attributes:
        site: dotted name of the submodule that is cut.
        image: shape of the image of a case, (C, *S).
        features: shape of the bottleneck before the input projection, (C', *T).
        embedding: shape of the embedding, which enters the quantiser, (D, *T).
        stride: voxels per token along each axis of the padded image; a mean where the tokens do not divide the extent.
        tokens: number of tokens per case, per slice for a 2D model on volumes, or per window for a model with a patch.
        skips: how many feature maps go around the bottleneck, and what is done to them, in words.
        parameters: number of parameters of the whole segmenter.
        added: number of parameters of the inserted modules, codebook included.
    """

    site: str
    image: tuple[int, ...]
    features: tuple[int, ...]
    embedding: tuple[int, ...]
    stride: tuple[float, ...]
    tokens: int
    skips: str
    parameters: int
    added: int


@torch.no_grad()
def describe(model: Segmenter, size: tuple[int, ...]) -> Description:
    """Describe a segmenter for one spatial size: an image of zeros is run up to the bottleneck."""
    spec = model.spec
    example = torch.zeros(1, spec.preparation.case_channels, *size)
    accepted = model.accepted(example)
    embedding = model.encode(example)
    features = [embedding] if spec.site == NO_SITE else features_at(model.network, spec.site, accepted)
    tokens = embedding.shape[2:]
    skips = len(features) - 1
    return Description(
        site=spec.site,
        image=tuple(example.shape[1:]),
        features=tuple(features[-1].shape[1:]),
        embedding=tuple(embedding.shape[1:]),
        stride=tuple(extent / count for extent, count in zip(accepted.shape[2:], tokens, strict=True)),
        tokens=tokens.numel(),
        skips=f"{skips} ({spec.skips})" if skips else "go round it and are kept, if there are any",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        added=sum(parameter.numel() for parameter in model.bottlenecks.parameters()),
    )
