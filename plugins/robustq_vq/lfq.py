"""The quantiser `lfq`: the sign of every channel instead of a codebook."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from robustq.errors import RequestError
from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised, check_capacity
from robustq.shapes import Embedding


class LookupFreeQuantiser(AbstractQuantiser):
    """Keep only the sign of every channel (lookup-free quantisation); no codebook is learned.

    z_q is the sign of each channel. The code is a number in which each positive channel is a binary digit 1. The
    gradient passes straight through the sign. Source: Yu et al. 2023 (MAGVIT-v2), section 3.1.

    The loss is the sum of two terms. The entropy term E[H(q)] - H(E[q]) makes every token sure of its code, and makes
    all tokens together use all codes. The soft codes q are proportional to exp(-|z-c|²/τ) over all c in {-1, 1}^BITS,
    so that the bits are independent, and each is positive with probability sigmoid(4z/τ). The term is exact: it is not
    computed over groups of bits. The commitment term is the mean over tokens and channels of |e - sg(z_q)|².

    Args:
        bits: D, channels of the embedding; there are 2^BITS codes.
        entropy: weight of the entropy term.
        beta: weight β of the commitment term.
        temperature: τ, above 0.
    """

    grammar: ClassVar[str] = "BITS"

    def __init__(self, bits: int, *, entropy: float = 0.1, beta: float = 0.25, temperature: float = 1.0) -> None:
        super().__init__()
        check_capacity(f"lfq:{bits}", 2**bits)
        if entropy < 0 or beta < 0:
            raise RequestError(f"the lfq quantiser cannot have entropy={entropy:g},beta={beta:g}: give 0 or more")
        if temperature <= 0:
            raise RequestError(f"the lfq quantiser cannot have temperature={temperature:g}: give more than 0")
        self.dimension, self.entropy, self.beta, self.temperature = bits, entropy, beta, temperature

    @property
    def capacity(self) -> tuple[int, int]:
        """One stage of 2^BITS codes."""
        return 1, 2**self.dimension

    def forward(self, embedding: Embedding) -> Quantised:
        """The signs, the code of each token, and the loss."""
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = tokens_of(embedding)
            positive = tokens.detach() > 0
            signs = positive.to(tokens.dtype) * 2 - 1
            weights = 2 ** torch.arange(self.dimension, device=tokens.device)
            codes = (positive * weights).sum(-1).unsqueeze(1)
            loss = self.entropy * self._entropy(tokens.flatten(0, -2)) + self.beta * F.mse_loss(tokens, signs)
            return Quantised(embedding_of(straight_through(signs, tokens), embedding), codes, loss)

    def _entropy(self, tokens: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
        logits = 4 * tokens / self.temperature
        positive = torch.sigmoid(logits)
        # H of a bit that is 1 with probability p = sigmoid(x) is softplus(x) - p·x; bits are independent.
        of_tokens = (F.softplus(logits) - positive * logits).sum(-1).mean()  # E[H(q)]
        # E[q] over all 2^D codes is one product: the soft codes of the first half of the bits and of the second half.
        half = self.dimension // 2
        mean = _soft_codes(positive[:, :half]).T @ _soft_codes(positive[:, half:]) / len(tokens)
        # log 0 has no gradient, and 0·log 0 needs none.
        of_mean = -(mean * mean.clamp(min=torch.finfo(mean.dtype).tiny).log()).sum()  # H(E[q])
        return of_tokens - of_mean


def _soft_codes(positive: Float[Tensor, "n bits"]) -> Float[Tensor, "n codes"]:
    """The probability of each code of independent bits; the first bit changes fastest."""
    table = positive.new_ones(len(positive), 1)
    for bit in positive.unbind(1):
        table = torch.cat([table * (1 - bit[:, None]), table * bit[:, None]], dim=1)
    return table
