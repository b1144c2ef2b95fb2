"""The quantiser `ema`: a codebook of moving averages."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from robustq.errors import RequestError
from robustq.latent.nearest import nearest
from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding
from robustq_vq.kmeans import choose, gather, kmeans


class MovingAverageQuantiser(AbstractQuantiser):
    """Replace each token by its nearest code; a code follows the mean of the tokens that choose it.

    The optimiser does not train the codes.

    In a training pass, n_i tokens with the sum s_i choose code i. Then N_i ← γ N_i + (1-γ) n_i,
    m_i ← γ m_i + (1-γ) s_i and l_i = m_i / N_i (van den Oord et al. 2017, appendix A.1; Razavi et al. 2019, section
    2.1). The loss is only the commitment term, the mean over tokens and channels.

    In the first training pass, the vectors start at k-means centres of its tokens. Later, a code is dead if its N_i
    falls below a share of the mean N over codes. A dead code starts again at a random token of the pass, with the mean
    N (after Dhariwal et al. 2020, section 3). Torch's global generator chooses tokens and order.

    Args:
        size: K, number of vectors in the codebook.
        dimension: D, channels of a vector.
        beta: weight β of the commitment term.
        decay: γ, from 0 to below 1.
        restart: share of the mean N below which a code is dead; 0 restarts none. A code that is no longer chosen is
            dead after about ln(1/restart)/(1-γ) passes: 69 by default. With 0.1 it would be 230, more than a short
            training has.
    """

    grammar: ClassVar[str] = "KxD"

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(
        self, size: int, dimension: int, *, beta: float = 0.25, decay: float = 0.99, restart: float = 0.5
    ) -> None:
        super().__init__()
        if beta < 0:
            raise RequestError(f"the ema quantiser cannot have beta={beta:g}: give 0 or more (0.25 in the paper)")
        if not 0 <= decay < 1:
            raise RequestError(f"the ema quantiser cannot have decay={decay:g}: give 0 to below 1, such as 0.99")
        if not 0 <= restart < 1:
            raise RequestError(f"the ema quantiser cannot have restart={restart:g}: give 0 to below 1, such as 0.5")
        self.size, self.dimension, self.beta, self.decay, self.restart = size, dimension, beta, decay, restart
        self.register_buffer("codebook", torch.empty(size, dimension).uniform_(-1 / size, 1 / size))
        self.register_buffer("counts", torch.zeros(size))  # N
        self.register_buffer("sums", torch.zeros(size, dimension))  # m
        self.register_buffer("started", torch.tensor(False))

    @property
    def vectors(self) -> Codebooks:
        """The codebook, (1, K, D)."""
        return self.codebook[None]

    def start_from(self, vectors: Codebooks) -> None:
        """Set the codebook to these vectors, (1, K, D), as if each had been chosen once."""
        self._begin(vectors[0], torch.ones(self.size, device=vectors.device))

    def forward(self, embedding: Embedding) -> Quantised:
        """Equation 1 with the straight-through gradient. In training, the codebook then follows the tokens."""
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = tokens_of(embedding)
            flat = tokens.detach().flatten(0, -2)
            # An overflow would stay in the averages for ever, so tokens that are not finite are left out.
            finite = flat.isfinite().all(1)
            if self.training and not self.started and finite.any():
                self._begin(*kmeans(flat[finite], self.size))
            codebook = self.codebook.to(tokens.dtype)
            codes = nearest(flat, codebook)
            chosen = codebook[codes].view(tokens.shape)
            loss = self.beta * F.mse_loss(tokens, chosen)
            if self.training and finite.any():
                # A mask would copy all tokens, also where it keeps all of them.
                kept = slice(None) if finite.all() else finite
                self._follow(flat[kept], codes[kept])
            quantised = embedding_of(straight_through(chosen, tokens), embedding)
            return Quantised(quantised, codes.view(tokens.shape[:-1]).unsqueeze(1), loss)

    @torch.no_grad()
    def _begin(self, vectors: Float[Tensor, "k d"], counts: Tensor) -> None:
        self.codebook.copy_(vectors)
        self.counts.copy_(counts)
        self.sums.copy_(vectors * counts[:, None])
        self.started.fill_(True)

    @torch.no_grad()
    def _follow(self, tokens: Float[Tensor, "n d"], codes: Int[Tensor, "n"]) -> None:
        counts, sums = gather(tokens, codes, self.size)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        # For a code without tokens, both averages shrink alike, so its vector stays. It is not computed as the ratio of
        # two vanishing numbers.
        chosen = counts > 0
        self.codebook[chosen] = self.sums[chosen] / self.counts[chosen, None]
        mean = self.counts.mean()
        dead = self.counts < self.restart * mean
        if dead.any():
            places = choose(len(tokens), int(dead.sum()), tokens.device)
            self.codebook[dead] = tokens[places].to(self.codebook)
            self.counts[dead] = mean
            self.sums[dead] = self.codebook[dead] * mean
