"""Makes a module of vector-quantize-pytorch a quantiser of robustq."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding


class LibraryQuantiser(AbstractQuantiser):
    """A module of vector-quantize-pytorch: from tokens (B, N, D) to quantised tokens, codes and often a loss.

    In training the gradient is the library's own (straight-through, or the rotation trick). In evaluation some of its
    modules give no gradient, so it passes straight through. The library draws random numbers from the global generators
    of Python and PyTorch.

    Args:
        module: module of the library.
        grammar: grammar of its numbers, as in `AbstractQuantiser.grammar`.
        dimension: D, channels of a token.
        capacity: (Q, K); Q counts the stages of all groups.
        codebook: function from the module to its vectors (Q, K, D); None unless the first stage searches them by
            Euclidean distance.
    """

    grammar: str  # type: ignore[misc]  # one class, several grammars

    def __init__(
        self,
        module: nn.Module,
        *,
        grammar: str,
        dimension: int,
        capacity: tuple[int, int],
        codebook: Callable[[Any], Tensor] | None,
    ) -> None:
        super().__init__()
        self.library = module
        self.grammar, self.dimension = grammar, dimension
        self._capacity, self._codebook = capacity, codebook

    @property
    def vectors(self) -> Codebooks | None:
        """The library's codebook vectors, (Q, K, D); None if the search is not done in the embedding's space."""
        return None if self._codebook is None else self._codebook(self.library)

    @property
    def capacity(self) -> tuple[int, int]:
        """The number of stages of all groups, and the number of codes of a stage."""
        return self._capacity

    def forward(self, embedding: Embedding) -> Quantised:
        """The library's quantised tokens and codes, with the sum of its losses; 0 if it has none."""
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = tokens_of(embedding)
            value, indices, *rest = self.library(tokens.flatten(1, -2))
            value = value.view(tokens.shape)
            if not self.training:
                value = straight_through(value, tokens)
            loss = rest[0].sum() if rest else tokens.new_zeros(())
            codes = _stages_first(indices).unflatten(2, tokens.shape[1:-1]).long()
            return Quantised(embedding_of(value, embedding), codes, loss)


def _stages_first(indices: Tensor) -> Tensor:
    """The codes (B, N), (B, N, Q) or (G, B, N, Q) as (B, Q, N); the stages of all groups follow each other."""
    if indices.ndim == 4:
        return indices.permute(1, 0, 3, 2).flatten(1, 2)
    return indices.unsqueeze(1) if indices.ndim == 2 else indices.movedim(-1, 1)
