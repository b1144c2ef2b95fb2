"""The contract of a quantiser, and how evenly codes use a codebook."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.shapes import Codebooks, Codes, Embedding

MOST_CODES = 2**20
"""The largest number of codes of a lattice, because the uses of each code are counted one by one."""


class Quantised(NamedTuple):
    """The result of quantising an embedding.

    Attributes:
        quantised: z_q, with the shape and dtype of the embedding. Its gradient reaches the embedding.
        codes: index of the codebook vector of each token, one channel for each stage or group; None without a codebook.
        loss: the quantiser's term of the training loss, a float32 scalar with its graph; 0 without such a term.
    """

    quantised: Embedding
    codes: Codes | None
    loss: Float[Tensor, ""]


class AbstractQuantiser(nn.Module, ABC):
    """Maps each token of an embedding to one of finitely many vectors.

    In evaluation mode, a pass changes no state and draws no random number. In training mode, random numbers come from
    torch's global generator, which training seeds again at each epoch. Parameters and persistent buffers hold
    everything that is learned or counted, under stable names, so that a bundle holds all of it.

    An implementation takes the numbers of its `--quantise` text as positional arguments, in the order of `grammar`, and
    its settings as keyword-only arguments, which it stores in attributes of the same names. It works for any number of
    spatial axes and keeps the embedding's shape, dtype and device.
    """

    grammar: ClassVar[str]
    """The numbers that follow the name in `--quantise`, for example "KxD"; "Lx..." takes one or more."""

    space: ClassVar[str] = "embedding"
    """Name of the space that `search_space` gives, as tables print it."""

    dimension: int
    """D, the number of channels of the embedding. The projection before the quantiser maps to D channels."""

    @abstractmethod
    def forward(self, embedding: Embedding) -> Quantised:
        """Quantise. Distances and the loss are computed in float32 or wider, also under autocast."""

    @property
    def vectors(self) -> Codebooks | None:
        """The codebook vectors of each stage, (Q, K, D); None where there is no codebook of vectors.

        In evaluation mode, the code of the first stage is the nearest of its vectors in `search_space`.
        """
        return None

    @property
    def capacity(self) -> tuple[int, int] | None:
        """(Q, K): the number of stages, and the number of codes of each stage; None without codes.

        A lattice has codes but no `vectors`, so it overrides this.
        """
        vectors = self.vectors
        return None if vectors is None else (vectors.shape[0], vectors.shape[1])

    def start_from(self, vectors: Codebooks) -> None:
        """Set the codebook vectors of each stage (Q, K, D) without training.

        Raises:
            RequestError: this quantiser has no vectors that can be set.
        """
        raise RequestError(f"{type(self).__name__} has no codebook that can be set: take vq:KxD or ema:KxD")

    def search_space(self, embedding: Embedding) -> Embedding:
        """The embedding in the space where distances to `vectors` are measured; by default the embedding itself."""
        return embedding


def check_capacity(text: str, size: int) -> None:
    """Refuse a lattice with too many codes to count one by one.

    Raises:
        RequestError: there are more codes than `MOST_CODES`.
    """
    if size > MOST_CODES:
        raise RequestError(f"{text} has {size:,} codes: take at most {MOST_CODES:,}; no set of images uses so many")


def usage(codes: Codes, size: int) -> Int[Tensor, "q k"]:
    """How often each of `size` codes was chosen, one row for each stage."""
    return torch.stack([torch.bincount(stage.flatten(), minlength=size) for stage in codes.transpose(0, 1)])


def perplexity(counts: Int[Tensor, "*q k"]) -> Float[Tensor, "*q"]:
    """exp(entropy) of the usage, with natural logarithms: 1 if one code is used, K if all K are used equally."""
    share = counts.double() / counts.sum(-1, keepdim=True).clamp(min=1)
    return torch.exp(-torch.xlogy(share, share).sum(-1))
