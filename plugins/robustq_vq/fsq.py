"""The quantiser `fsq`: rounding to a fixed lattice instead of a codebook."""

from math import prod
from typing import ClassVar

import torch
from torch import Tensor

from robustq.errors import RequestError
from robustq.latent.tokens import Tokens, embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised, check_capacity
from robustq.shapes import Embedding


class FiniteScalarQuantiser(AbstractQuantiser):
    """Round every channel to one of a few fixed levels (finite scalar quantisation); no codebook is learned.

    Before it is rounded, a tanh bounds the channel. A channel z with L levels becomes h·tanh(z + s) - o, where
    h = (L-1)/2, and o is 0 for odd and 1/2 for even L. The result is rounded and divided by floor(L/2), so z_q lies in
    [-1, 1]. s = artanh(o/h), so that 0 stays 0. The paper's appendix has s = tan(o/h), and an h smaller by a
    thousandth.

    The code is a number whose digits in the bases L are the levels; the digit of the first channel changes fastest. The
    gradient passes straight through the rounding. There is no loss. Source: Mentzer et al. 2023, section 3 and appendix
    A.1.

    Args:
        *levels: number of levels L of each channel of the embedding, 3 or more. The paper advises 5 or more.
    """

    grammar: ClassVar[str] = "Lx..."
    space: ClassVar[str] = "embedding after its tanh"

    _levels: Tensor

    def __init__(self, *levels: int) -> None:
        super().__init__()
        if not levels or min(levels) < 3:
            raise RequestError(f"{_text(levels)} has a channel of fewer than 3 levels: give 3 or more, or lfq:BITS")
        check_capacity(_text(levels), prod(levels))
        self.levels, self.dimension = levels, len(levels)
        # A buffer moves with the module to its device. It is not saved, because the spec has the levels.
        self.register_buffer("_levels", torch.tensor(levels), persistent=False)

    @property
    def capacity(self) -> tuple[int, int]:
        """One stage, and the product of the levels as the number of codes."""
        return 1, prod(self.levels)

    def search_space(self, embedding: Embedding) -> Embedding:
        """The bounded embedding before it is rounded. In this space, z_q is the nearest point of the lattice."""
        return embedding_of(self._bounded(tokens_of(embedding)) / self._half_width, embedding)

    def forward(self, embedding: Embedding) -> Quantised:
        """The rounded embedding, the code of each token, and a loss of 0."""
        with torch.autocast(embedding.device.type, enabled=False):
            bounded = self._bounded(tokens_of(embedding))
            rounded = bounded.detach().round()
            quantised = straight_through(rounded, bounded) / self._half_width
            digits = rounded.nan_to_num(0.0).long() + self._half_width
            basis = torch.cat([self._levels.new_ones(1), self._levels[:-1]]).cumprod(0)
            codes = (digits * basis).sum(-1).unsqueeze(1)
            return Quantised(embedding_of(quantised, embedding), codes, bounded.new_zeros(()))

    @property
    def _half_width(self) -> Tensor:
        return self._levels // 2

    def _bounded(self, tokens: Tokens) -> Tokens:
        half = (self._levels - 1).to(tokens.dtype) / 2
        offset = (1 - self._levels % 2).to(tokens.dtype) / 2
        return torch.tanh(tokens + torch.atanh(offset / half)) * half - offset


def _text(levels: tuple[int, ...]) -> str:
    return f"fsq:{'x'.join(map(str, levels))}"
