"""Transformer blocks over the tokens of a bottleneck."""

from torch import Tensor, nn
from torch.nn import functional as F

from robustq.network.positions import positions


class Block(nn.Module):
    """Pre-norm self-attention and a multilayer perceptron, each added to its input (Vaswani et al. 2017).

    Maps tokens (B, N, C) to (B, N, C).
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(channels)
        self.project_in = nn.Linear(channels, 3 * channels)
        self.project_out = nn.Linear(channels, channels)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens after attention and perceptron."""
        projected = self.project_in(self.before_attention(tokens))  # (B, N, 3C)
        query, key, value = projected.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + self.project_out(attended)
        return tokens + self.perceptron(tokens)  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Transformer blocks on the coarsest of several feature maps; the other maps are not changed.

    Positions are encoded by sines of each coordinate, so that any grid of tokens can be used (Vaswani et al. 2017,
    section 3.5).
    """

    def __init__(self, channels: int, *, blocks: int, heads: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(channels, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """The same list with the last map, (B, C, *T), transformed."""
        *skips, bottleneck = features
        grid = bottleneck.shape[2:]
        tokens = (bottleneck + positions(grid, bottleneck.shape[1]).to(bottleneck)).flatten(2).transpose(1, 2)
        tokens = self.norm(self.blocks(tokens))
        return [*skips, tokens.transpose(1, 2).unflatten(2, grid)]
