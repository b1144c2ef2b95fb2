"""Chooses codes by distance and prior together (docs/definitions.md, Prior over codes)."""

from typing import ClassVar

import torch
from torch import Tensor

from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.model.prior import CodePrior
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding


class MapQuantiser(AbstractQuantiser):
    """Replace each token by the code with the smallest |e - l_k|² / 2σ² - λ log p, one after another in raster order.

    It stands in for the quantiser of a trained model in evaluation. The code of a token need not be its nearest, unlike
    that of other quantisers with vectors. The gradient passes straight through to the embedding; there is no loss.

    Args:
        quantiser: a trained quantiser with one codebook of vectors.
        prior: the prior over its codes.
        weight: λ, the weight of the prior; with 0 the nearest codes are chosen.
    """

    grammar: ClassVar[str] = "KxD"

    def __init__(self, quantiser: AbstractQuantiser, prior: CodePrior, *, weight: float = 1.0) -> None:
        super().__init__()
        self.quantiser, self.prior, self.weight = quantiser, prior, weight
        self.dimension = quantiser.dimension

    @property
    def vectors(self) -> Codebooks:
        """The codebook of the quantiser, (1, K, D)."""
        vectors = self.quantiser.vectors
        assert vectors is not None, "a quantiser without vectors has no prior"
        return vectors

    def search_space(self, embedding: Embedding) -> Embedding:
        """The embedding in the space where the quantiser measures distances."""
        return self.quantiser.search_space(embedding)

    def forward(self, embedding: Embedding) -> Quantised:
        """The vectors of the chosen codes, with the straight-through gradient, and a loss of 0."""
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = tokens_of(self.search_space(embedding))
            vectors = self.vectors[0].to(tokens.dtype)
            codes = self._choose(tokens, vectors)
            quantised = embedding_of(straight_through(vectors[codes], tokens), embedding)
            return Quantised(quantised, codes.unsqueeze(1), tokens.new_zeros(()))

    @torch.no_grad()
    def _choose(self, tokens: Tensor, vectors: Tensor) -> Tensor:
        # In float64, because without a weight the codes must be the nearest ones.
        return self.prior.decode(self.prior.costs(tokens.double(), vectors.double()), self.weight)
