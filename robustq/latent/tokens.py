"""Turn an embedding into tokens and back, for quantisers."""

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.shapes import Embedding

Tokens = Float[Tensor, "b *t d"]


def tokens_of(embedding: Embedding) -> Tokens:
    """The embedding with its channels last, in float32 or wider, for distances and losses."""
    return embedding.to(torch.promote_types(embedding.dtype, torch.float32)).movedim(1, -1)


def embedding_of(tokens: Tokens, like: Embedding) -> Embedding:
    """The tokens as an embedding, in the dtype of `like`."""
    return tokens.movedim(-1, 1).to(like.dtype)


def straight_through(value: Tokens, tokens: Tokens) -> Tokens:
    """The value, whose gradient is passed on to the tokens unchanged.

    Source: Bengio et al. 2013, section 4; van den Oord et al. 2017, section 3.2.
    """
    # In this order the sum is exactly the value, without a rounding error.
    return value.detach() + (tokens - tokens.detach())
