"""A prior over codes: how probable each code is after the codes before it (docs/definitions.md, Prior over codes)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.model.causal_block import CausalBlock, Earlier
from robustq.network.positions import positions
from robustq.quantiser import AbstractQuantiser

MOST_CODES = 4096
"""Largest codebook that can have a prior, because every token gets a probability for each code."""

STEPS = 100
"""The running mean σ² is the mean of the first so many training steps, then each new step counts one part in so
many."""

_CHANNELS, _BLOCKS, _HEADS, _DROPOUT = 64, 2, 4, 0.1

# σ² is 0 where every token sits on its code.
_LEAST = 1e-12


class CodePrior(nn.Module):
    """A small causal transformer over a grid of codes in raster order (the last axis fastest), in 2D and 3D.

    It takes grids of any extents, because it encodes each coordinate by sines. A fresh prior gives every code the
    probability 1/K. It computes in float32, also under autocast.

    Args:
        size: K, the number of codes.
    """

    variance: Tensor
    steps: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(size + 1, _CHANNELS)  # the last one stands before the first token
        self.blocks = nn.ModuleList(CausalBlock(_CHANNELS, heads=_HEADS, dropout=_DROPOUT) for _ in range(_BLOCKS))
        self.norm = nn.LayerNorm(_CHANNELS)
        self.head = nn.Linear(_CHANNELS, size)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("variance", torch.zeros(()))  # σ²
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, codes: Int[Tensor, "b *t"]) -> Float[Tensor, "b *t k"]:
        """The logarithm of each code's probability at each token, given the codes of all tokens before it."""
        grid, flat = codes.shape[1:], codes.flatten(1)
        with torch.autocast(codes.device.type, enabled=False):
            tokens = self.embed(torch.cat([self._start(flat), flat[:, :-1]], 1)) + self._places(grid)
            for block in self.blocks:
                tokens, _ = block(tokens)
            log_probabilities: Tensor = self._log_probabilities(tokens).unflatten(1, grid)
            return log_probabilities

    @torch.no_grad()
    def nats(self, codes: Int[Tensor, "b *t"]) -> Float[Tensor, "b *t"]:
        """-log p of the code of each token, given the codes of all tokens before it."""
        log_probabilities: Tensor = self(codes)
        return -log_probabilities.gather(-1, codes.unsqueeze(-1)).squeeze(-1)

    def costs(self, tokens: Float[Tensor, "b *t d"], vectors: Float[Tensor, "k d"]) -> Float[Tensor, "b *t k"]:
        """|e - l_k|² / 2σ² of each token and code, without the part that is equal for all codes of a token.

        Args:
            tokens: embeddings in the space where the quantiser searches, float32 or wider.
            vectors: the codebook.
        """
        vectors = vectors.to(tokens.dtype)
        centre = vectors.detach().mean(0)  # relative to it the numbers are small, and so is the rounding
        centred = vectors - centre
        squares = centred.square().sum(1) - 2 * (tokens - centre) @ centred.T
        return squares / (2 * self.variance.to(tokens.dtype).clamp_min(_LEAST))

    @torch.no_grad()
    def follow(self, square: Float[Tensor, ""]) -> None:
        """Take the mean square |e - z_q|² / D of a training step into the running mean σ²."""
        self.steps += 1
        self.variance += (square - self.variance) / self.steps.clamp(max=STEPS)

    @torch.no_grad()
    def decode(self, costs: Float[Tensor, "b *t k"], weight: float) -> Int[Tensor, "b *t"]:
        """Codes chosen one after another in raster order: the smallest cost - weight · log p, p after the chosen codes.

        Args:
            costs: what `costs` gives, best in float64.
            weight: λ, the weight of the prior; with 0 the nearest codes are chosen.
        """
        grid, flat = costs.shape[1:-1], costs.flatten(1, -2)
        chosen = [self._start(flat)]
        earlier: list[Earlier | None] = [None] * len(self.blocks)
        with torch.autocast(costs.device.type, enabled=False):
            for cost, place in zip(flat.unbind(1), self._places(grid), strict=True):
                token = self.embed(chosen[-1]) + place
                for number, block in enumerate(self.blocks):
                    token, earlier[number] = block(token, earlier[number])
                log_probabilities = self._log_probabilities(token)[:, 0].to(cost.dtype)
                chosen.append((cost - weight * log_probabilities).argmin(1, keepdim=True))
        codes: Tensor = torch.cat(chosen[1:], 1).unflatten(1, grid)
        return codes

    def _start(self, like: Tensor) -> Int[Tensor, "b 1"]:
        """What stands before the first token of each sequence."""
        return torch.full((len(like), 1), self.size, dtype=torch.long, device=like.device)

    def _places(self, grid: Sequence[int]) -> Float[Tensor, "n d"]:
        """The encoded places of all tokens of a grid, in raster order."""
        return positions(grid, _CHANNELS).flatten(1).T.to(self.head.weight)

    def _log_probabilities(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n k"]:
        return self.head(self.norm(tokens)).log_softmax(-1)  # type: ignore[no-any-return]


def make_prior(quantiser: AbstractQuantiser | None, text: str) -> CodePrior:
    """A fresh prior over the codes of a quantiser.

    Args:
        quantiser: the quantiser at the bottleneck of a model; None where nothing is quantised.
        text: the quantiser as `--quantise` names it, for messages.

    Raises:
        RequestError: the quantiser has no codebook of one stage, or too many codes.
    """
    vectors = None if quantiser is None else quantiser.vectors
    if vectors is None:
        raise RequestError(
            f"{text} has no codebook of vectors, so its codes have no distances that a prior could be weighed against: "
            "take a quantiser such as vq:KxD or ema:KxD"
        )
    stages, size, _ = vectors.shape
    if stages > 1:
        raise RequestError(f"{text} has {stages} stages, and a prior is over the codes of one: take vq:KxD or ema:KxD")
    if size > MOST_CODES:
        raise RequestError(f"{text} has {size} codes, and a prior takes at most {MOST_CODES}: take a smaller codebook")
    return CodePrior(size)
