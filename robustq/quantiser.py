"""The contract of a quantiser, and what its codes say about the codebook's use."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.shapes import Codebooks, Codes, Embedding

MOST_CODES = 2**20
"""Codes that a lattice may have: how often each was chosen is counted one by one."""


class Quantised(NamedTuple):
    """What a quantiser makes of an embedding.

    Attributes:
        quantised: z_q, shape and dtype of the embedding. Its gradient reaches the embedding.
        codes: which codebook vector each token got, one stage or group a channel; None without a codebook.
        loss: what the quantiser adds to the training loss, a float32 scalar with its graph; 0 where it adds nothing.
    """

    quantised: Embedding
    codes: Codes | None
    loss: Float[Tensor, ""]


class AbstractQuantiser(nn.Module, ABC):
    """Maps each token of an embedding to one of finitely many vectors.

    In evaluation mode a pass changes no state and draws no random number. In training mode whatever is random follows
    from torch's global generator, which training seeds anew each epoch. What is learned or gathered is kept in
    parameters and persistent buffers under stable names, so that a bundle holds all of it.

    An implementation takes the numbers of its `--quantise` text as positional arguments, in the order of
    `grammar`, and its settings as keyword-only arguments kept under their own names. It works for any number of
    spatial axes and keeps the embedding's shape, dtype and device.
    """

    grammar: ClassVar[str]
    """The numbers that follow the name in `--quantise`, for example "KxD"; "Lx..." takes one or more."""

    space: ClassVar[str] = "embedding"
    """What `search_space` gives, in words for tables."""

    dimension: int
    """D, the channels of the embedding it takes: the projection before it maps to this many."""

    @abstractmethod
    def forward(self, embedding: Embedding) -> Quantised:
        """Quantise. Distances and the loss are computed in float32 or wider, also under autocast."""

    @property
    def vectors(self) -> Codebooks | None:
        """The codebook vectors of each stage, (Q, K, D), or None where there is no codebook of vectors.

        In evaluation mode the codes of the first stage are the nearest of its vectors in `search_space`.
        """
        return None

    @property
    def capacity(self) -> tuple[int, int] | None:
        """(Q, K): how many stages there are, and how many codes each has; None without codes.

        A lattice, which has codes and no `vectors`, gives its own.
        """
        vectors = self.vectors
        return None if vectors is None else (vectors.shape[0], vectors.shape[1])

    def start_from(self, vectors: Codebooks) -> None:
        """Take these as the codebook vectors of each stage (Q, K, D), without training.

        Raises:
            RequestError: this quantiser has no vectors that could be set.
        """
        raise RequestError(f"{type(self).__name__} has no codebook that could be set: take vq:KxD or ema:KxD")

    def search_space(self, embedding: Embedding) -> Embedding:
        """The embedding in the space where distances to `vectors` are taken; the identity unless said otherwise."""
        return embedding


def check_capacity(text: str, size: int) -> None:
    """Refuse a lattice of more codes than can be counted one by one.

    Raises:
        RequestError: there are more than `MOST_CODES`.
    """
    if size > MOST_CODES:
        raise RequestError(f"{text} has {size:,} codes: take at most {MOST_CODES:,}, which no set of images fills")


def usage(codes: Codes, size: int) -> Int[Tensor, "q k"]:
    """How often each of `size` codes was chosen, one row a stage."""
    return torch.stack([torch.bincount(stage.flatten(), minlength=size) for stage in codes.transpose(0, 1)])


def perplexity(counts: Int[Tensor, "*q k"]) -> Float[Tensor, "*q"]:
    """exp(entropy) of the usage, in natural units: 1 when one code takes all, K when all K are used equally."""
    share = counts.double() / counts.sum(-1, keepdim=True).clamp(min=1)
    return torch.exp(-torch.xlogy(share, share).sum(-1))
