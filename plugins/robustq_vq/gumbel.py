"""The quantiser `gumbel`: codes are drawn at random in training."""

from math import log
from typing import ClassVar

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.latent.nearest import nearest
from robustq.latent.tokens import Tokens, embedding_of, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding


class GumbelQuantiser(AbstractQuantiser):
    """Draw the code of a token at random in training, near codes most often; in evaluation take the nearest.

    A token draws code k with probability π_k ∝ exp(-|e-l_k|²) (Sønderby et al. 2017, section 2). In evaluation it takes
    the most probable code, which is the nearest vector, as in equation 1.

    z_q is the drawn vector itself. In the backward pass, the gradient is that of the Gumbel-softmax: in training
    softmax((log π + g)/τ) with g ~ Gumbel(0, 1), in evaluation softmax(log π/τ) (the straight-through estimator of Jang
    et al. 2017, section 2.2). The loss is the mean over tokens of KL(π ‖ uniform), which keeps all codes in use. Draws
    come from torch's global generator.

    Args:
        size: K, number of vectors in the codebook. They start normal, with mean squared length 1.
        dimension: D, channels of a vector.
        temperature: τ, above 0.
        kl: weight of the KL term.
    """

    grammar: ClassVar[str] = "KxD"

    def __init__(self, size: int, dimension: int, *, temperature: float = 1.0, kl: float = 5e-4) -> None:
        super().__init__()
        if temperature <= 0:
            raise RequestError(f"the gumbel quantiser cannot have temperature={temperature:g}: give more than 0")
        if kl < 0:
            raise RequestError(f"the gumbel quantiser cannot have kl={kl:g}: give 0 or more, such as 0.0005")
        self.size, self.dimension, self.temperature, self.kl = size, dimension, temperature, kl
        self.codebook = nn.Parameter(torch.randn(size, dimension) / dimension**0.5)

    @property
    def vectors(self) -> Codebooks:
        """The codebook, (1, K, D)."""
        return self.codebook[None]

    def start_from(self, vectors: Codebooks) -> None:
        """Set the codebook to these vectors, (1, K, D)."""
        with torch.no_grad():
            self.codebook.copy_(vectors[0])

    def forward(self, embedding: Embedding) -> Quantised:
        """The drawn vector, in evaluation the nearest; its code; and the KL term as the loss."""
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = tokens_of(embedding)
            codebook = self.codebook.to(tokens.dtype)
            # |e|² is the same for all codes, so it does not change the softmax.
            log_chances = (2 * tokens @ codebook.T - codebook.square().sum(1)).log_softmax(-1)  # log π, (b, *t, k)
            drawn, codes = self._draw(log_chances, tokens, codebook)
            soft = torch.softmax(drawn / self.temperature, -1)
            # The value is the drawn vector. The gradient goes to this vector, and to the probabilities as a softmax.
            quantised = codebook[codes] + (soft - soft.detach()) @ codebook.detach()
            loss = self.kl * ((log_chances.exp() * log_chances).sum(-1).mean() + log(self.size))
            return Quantised(embedding_of(quantised, embedding), codes.unsqueeze(1), loss)

    def _draw(self, log_chances: Tensor, tokens: Tokens, codebook: Tensor) -> tuple[Tensor, Tensor]:
        if not self.training:
            return log_chances, nearest(tokens.flatten(0, -2), codebook).view(tokens.shape[:-1])
        # -log of an exponential random number is a Gumbel one. The exponential number may be 0, so it is clamped.
        exponential = torch.empty_like(log_chances).exponential_().clamp(min=torch.finfo(log_chances.dtype).tiny)
        drawn = log_chances - exponential.log()
        return drawn, drawn.argmax(-1)
