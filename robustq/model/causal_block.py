"""A transformer block in which no token sees a later one."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Tokens = Float[Tensor, "b n d"]


class Earlier(NamedTuple):
    """What a block keeps of the tokens that it has seen, so that the next token can be computed alone.

    Attributes:
        keys: keys of the attention, (B, heads, N, D / heads).
        values: values of the attention, of the same shape.
    """

    keys: Tensor
    values: Tensor


class CausalBlock(nn.Module):
    """Pre-norm self-attention and a multilayer perceptron, each added to its input (Vaswani et al. 2017).

    Args:
        channels: D, channels of a token.
        heads: number of heads of the attention; it divides the channels.
        dropout: share of what is added that is dropped in training.
    """

    def __init__(self, channels: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(channels)
        self.project_in = nn.Linear(channels, 3 * channels)
        self.project_out = nn.Linear(channels, channels)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tokens, earlier: Earlier | None = None) -> tuple[Tokens, Earlier]:
        """The tokens after the block, each from itself and the tokens before it.

        Args:
            tokens: all tokens of a sequence; or, where `earlier` is given, the next one alone.
            earlier: what the block kept of all tokens before; None at the beginning of a sequence.
        """
        projected = self.project_in(self.before_attention(tokens))  # (B, N, 3D)
        query, key, value = projected.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if earlier is not None:
            key, value = torch.cat([earlier.keys, key], 2), torch.cat([earlier.values, value], 2)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=earlier is None)
        tokens = tokens + self.dropout(self.project_out(attended.transpose(1, 2).flatten(2)))
        return tokens + self.dropout(self.perceptron(tokens)), Earlier(key, value)
