"""What a segmenter looks like inside: the cut, the shapes, the cost."""

from dataclasses import dataclass

import torch

from robustq.model.segmenter import Segmenter
from robustq.network.named_site import features_at


@dataclass(frozen=True)
class Description:
    """The anatomy of a segmenter for one size of image.

    Attributes:
        site: dotted name of the submodule that is cut.
        image: (C, *S).
        features: the bottleneck before the input projection (C', *T).
        embedding: what enters the quantiser (D, *T).
        stride: voxels a token along each axis of the padded image; where the extent does not divide, the mean.
        tokens: tokens a case, or a slice for a 2D model on volumes.
        skips: feature maps that go around the bottleneck, and what is done to them.
        parameters: of the whole segmenter.
        added: of what was inserted, the codebook included.
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
    """Run one image of zeros of that spatial size up to the bottleneck and look."""
    spec = model.spec
    example = torch.zeros(1, spec.in_channels, *size)
    # The segmenter's hook runs first: the features are seen as the decoder sees them, of the same shapes.
    features = features_at(model.network, spec.site, model.pad(example))
    embedding = model.encode(example)
    tokens = embedding.shape[2:]
    skips = len(features) - 1
    return Description(
        site=spec.site,
        image=tuple(example.shape[1:]),
        features=tuple(features[-1].shape[1:]),
        embedding=tuple(embedding.shape[1:]),
        stride=tuple(extent / count for extent, count in zip(model.pad(example).shape[2:], tokens, strict=True)),
        tokens=tokens.numel(),
        skips=f"{skips} ({spec.skips})" if skips else "go round it and are kept, if there are any",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        added=sum(parameter.numel() for parameter in model.bottlenecks.parameters()),
    )
