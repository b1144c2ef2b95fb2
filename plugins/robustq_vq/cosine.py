"""The quantiser `cosine`: a codebook on the unit sphere."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustq.errors import RequestError
from robustq.latent.nearest import nearest
from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding


class CosineQuantiser(AbstractQuantiser):
    """Scale tokens and codes to length 1, then replace each token by the code at the smallest angle.

    By construction all vectors lie on a hypersphere, as in the paper's assumption 3 (section 3.1), but they need not be
    evenly spread there. z_q has length 1. Its gradient passes straight through to the normalised embedding, and from
    there to the embedding. The loss is that of the vq quantiser, computed on the sphere; the optimiser trains the
    codebook. Source: Yu et al. 2022 (ViT-VQGAN), section 3.2.

    Args:
        size: K, number of vectors in the codebook. Their directions start uniform.
        dimension: D, channels of a vector, 2 or more, because one channel has only two directions.
        beta: weight β of the commitment term.
    """

    grammar: ClassVar[str] = "KxD"
    space: ClassVar[str] = "embedding on the unit sphere"

    def __init__(self, size: int, dimension: int, *, beta: float = 0.25) -> None:
        super().__init__()
        if dimension < 2:
            raise RequestError("cosine:Kx1 has no angles to compare: give 2 channels or more")
        if beta < 0:
            raise RequestError(f"the cosine quantiser cannot have beta={beta:g}: give 0 or more, such as 0.25")
        self.size, self.dimension, self.beta = size, dimension, beta
        self.codebook = nn.Parameter(F.normalize(torch.randn(size, dimension), dim=1))

    @property
    def vectors(self) -> Codebooks:
        """The normalised codebook, (1, K, D)."""
        return self._units()[None]

    def search_space(self, embedding: Embedding) -> Embedding:
        """The embedding with every token scaled to length 1."""
        return embedding_of(F.normalize(tokens_of(embedding), dim=-1), embedding)

    def forward(self, embedding: Embedding) -> Quantised:
        """The nearest vector on the sphere, and the two terms of equation 2 on the sphere."""
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = F.normalize(tokens_of(embedding), dim=-1)
            units = self._units().to(tokens.dtype)
            codes = nearest(tokens.flatten(0, -2), units).view(tokens.shape[:-1])
            chosen = units[codes]
            loss = F.mse_loss(chosen, tokens.detach()) + self.beta * F.mse_loss(tokens, chosen.detach())
            return Quantised(embedding_of(straight_through(chosen, tokens), embedding), codes.unsqueeze(1), loss)

    def _units(self) -> Tensor:
        codebook = self.codebook
        return F.normalize(codebook.to(torch.promote_types(codebook.dtype, torch.float32)), dim=1)
