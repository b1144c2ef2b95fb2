"""An embedding as tokens and back, for quantisers."""

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.shapes import Embedding

Tokens = Float[Tensor, "b *t d"]


def tokens_of(embedding: Embedding) -> Tokens:
    """The embedding with its channels last, in float32 or wider: distances and losses are taken in that."""
    return embedding.to(torch.promote_types(embedding.dtype, torch.float32)).movedim(1, -1)


def embedding_of(tokens: Tokens, like: Embedding) -> Embedding:
    """The tokens as an embedding of the dtype of another one."""
    return tokens.movedim(-1, 1).to(like.dtype)


def straight_through(value: Tokens, tokens: Tokens) -> Tokens:
    """The value, with the gradient passed on to the tokens as if nothing had been done to them.

    Source: Bengio et al. 2013, section 4; van den Oord et al. 2017, section 3.2.
    """
    # In this order the sum is the value itself, not one rounding away from it.
    return value.detach() + (tokens - tokens.detach())
