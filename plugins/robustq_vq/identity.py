"""The quantiser `identity`, for the matched baseline: projections without a codebook between them."""

from typing import ClassVar

import torch

from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Embedding


class Identity(AbstractQuantiser):
    """Leave the tokens as they are: the matched baseline, with the same projections and no codebook.

    Args:
        dimension: D, channels of the embedding.
    """

    grammar: ClassVar[str] = "D"

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    def forward(self, embedding: Embedding) -> Quantised:
        """The embedding itself, without codes and with a loss of 0."""
        return Quantised(embedding, None, embedding.new_zeros((), dtype=torch.float32))
