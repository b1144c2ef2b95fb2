"""The quantiser `residual`: several codebooks, each for the residual of those before."""

from typing import ClassVar

import torch
from torch import nn

from robustq.errors import RequestError
from robustq.latent.tokens import embedding_of, straight_through, tokens_of
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Codebooks, Embedding
from robustq_vq.vector import VectorQuantiser


class ResidualQuantiser(AbstractQuantiser):
    """Quantise in several stages, each with a codebook for what the stages before have left over.

    z_q is the sum of Q vectors. Stage after stage, the vector of its codebook that is nearest to the residual of the
    token is subtracted from the residual (Zeghidour et al. 2021, section III-C).

    The loss is the sum of the losses of all stages; each is that of the vq quantiser on the residual. The second terms
    commit the embedding to every partial sum (Lee et al. 2022, equation 7). The gradient passes straight through from
    z_q to the embedding.

    Args:
        stages: Q, number of stages.
        size: K, number of vectors in the codebook of each stage.
        dimension: D, channels of a vector.
        beta: weight β of the commitment terms.
    """

    grammar: ClassVar[str] = "QxKxD"

    def __init__(self, stages: int, size: int, dimension: int, *, beta: float = 0.25) -> None:
        super().__init__()
        if beta < 0:
            raise RequestError(f"the residual quantiser cannot have beta={beta:g}: give 0 or more, such as 0.25")
        self.size, self.dimension, self.beta = size, dimension, beta
        self.stages = nn.ModuleList(VectorQuantiser(size, dimension, beta=beta) for _ in range(stages))

    @property
    def vectors(self) -> Codebooks:
        """The codebook of each stage, (Q, K, D)."""
        return torch.stack([stage.codebook for stage in self._stages()])

    def start_from(self, vectors: Codebooks) -> None:
        """Set the codebooks to these vectors, (Q, K, D)."""
        for stage, codebook in zip(self._stages(), vectors, strict=True):
            stage.start_from(codebook[None])

    def forward(self, embedding: Embedding) -> Quantised:
        """The sum of the chosen vectors, the codes of all stages, and the sum of the losses."""
        with torch.autocast(embedding.device.type, enabled=False):
            tokens = tokens_of(embedding)
            residual = tokens.movedim(-1, 1)
            total, loss = torch.zeros_like(residual), residual.new_zeros(())
            codes = []
            for stage in self._stages():
                result: Quantised = stage(residual)
                assert result.codes is not None, "a codebook gives codes"
                chosen = result.quantised.detach()
                total, residual, loss = total + chosen, residual - chosen, loss + result.loss
                codes.append(result.codes)
            quantised = embedding_of(straight_through(total.movedim(1, -1), tokens), embedding)
            return Quantised(quantised, torch.cat(codes, dim=1), loss)

    def _stages(self) -> list[VectorQuantiser]:
        return [stage for stage in self.stages if isinstance(stage, VectorQuantiser)]
