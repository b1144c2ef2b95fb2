"""The quantiser `vq`, that of the paper: equations 1 and 2."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustq.errors import RequestError
from robustq.latent.nearest import nearest
from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding


class VectorQuantiser(AbstractQuantiser):
    """Replace each token by its nearest code, as the paper does; the optimiser trains the codes.

    The gradient passes straight through from z_q to the embedding. The loss has two terms (equation 2): the first
    moves the codebook towards the embedding, the second, weighted by β, commits the embedding to its vector.

    Args:
        size: K, number of vectors in the codebook. They start uniform in ±1/K.
        dimension: D, channels of a vector.
        beta: weight β of the commitment term.
        loss: "squares", the mean over tokens and channels of squared differences (the authors' code); or "norm", the
            mean over tokens of unsquared Euclidean norms (equation 2 as printed).
    """

    grammar: ClassVar[str] = "KxD"

    def __init__(self, size: int, dimension: int, *, beta: float = 0.25, loss: str = "squares") -> None:
        super().__init__()
        if loss not in ("squares", "norm"):
            raise RequestError(f"the vq quantiser cannot have loss={loss}: choose from norm, squares")
        if beta < 0:
            raise RequestError(f"the vq quantiser cannot have beta={beta:g}: give 0 or more (0.25 in the paper)")
        self.size, self.dimension, self.beta, self.loss = size, dimension, beta, loss
        self.codebook = nn.Parameter(torch.empty(size, dimension).uniform_(-1 / size, 1 / size))

    @property
    def vectors(self) -> Codebooks:
        """The codebook, (1, K, D)."""
        return self.codebook[None]

    def start_from(self, vectors: Codebooks) -> None:
        """Set the codebook to these vectors, (1, K, D)."""
        with torch.no_grad():
            self.codebook.copy_(vectors[0])

    def forward(self, embedding: Embedding) -> Quantised:
        """Equation 1 with the straight-through gradient, and the last two terms of equation 2."""
        # Under autocast, search and loss would have 8 bits of mantissa, too few to distinguish 1024 vectors.
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = tokens_of(embedding)
            codebook = self.codebook.to(tokens.dtype)
            codes = nearest(tokens.flatten(0, -2), codebook).view(tokens.shape[:-1])
            chosen = codebook[codes]
            loss = self._distance(tokens.detach(), chosen) + self.beta * self._distance(tokens, chosen.detach())
            return Quantised(embedding_of(straight_through(chosen, tokens), embedding), codes.unsqueeze(1), loss)

    def _distance(self, tokens: Tensor, chosen: Tensor) -> Tensor:
        if self.loss == "squares":
            return F.mse_loss(tokens, chosen)
        norms: Tensor = torch.linalg.vector_norm(tokens - chosen, dim=-1)
        return norms.mean()
