"""The library's modules under our contract."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding


class LibraryQuantiser(AbstractQuantiser):
    """A module of vector-quantize-pytorch that takes tokens (B, N, D) and gives theirs, their codes and often a loss.

    In training the gradient is the library's own (straight-through, or the rotation trick). In evaluation some of its
    modules pass none, so there it passes straight through. What randomness the library has follows from the global
    generators of Python and PyTorch.

    Args:
        module: of the library.
        grammar: of its numbers.
        dimension: D.
        capacity: (Q, K); stages of several groups are all counted.
        codebook: gives the vectors (Q, K, D) of the module where the first stage searches them by Euclidean distance.
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
        """The library's codebook vectors, (Q, K, D), where distances to them are taken in the embedding's space."""
        return None if self._codebook is None else self._codebook(self.library)

    @property
    def capacity(self) -> tuple[int, int]:
        """Stages of all groups, and codes of each."""
        return self._capacity

    def forward(self, embedding: Embedding) -> Quantised:
        """What the library makes of the tokens; its losses are summed, none is 0."""
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
    """(B, N), (B, N, Q) or (G, B, N, Q) as (B, Q, N), stages of all groups in a row."""
    if indices.ndim == 4:
        return indices.permute(1, 0, 3, 2).flatten(1, 2)
    return indices.unsqueeze(1) if indices.ndim == 2 else indices.movedim(-1, 1)
