"""The loss of a prior over codes (docs/definitions.md, Prior over codes)."""

from jaxtyping import Float
from torch import Tensor

from robustq.latent.tokens import tokens_of
from robustq.model.prior import CodePrior
from robustq.quantiser import AbstractQuantiser
from robustq.shapes import Codes, Embedding

WEIGHT = 0.1
"""Weight of this loss in a joint training."""


def prior_loss(prior: CodePrior, quantiser: AbstractQuantiser, embedding: Embedding, codes: Codes) -> Float[Tensor, ""]:
    """Mean over tokens of Σ_k q(k) · (-log p(k | earlier codes)), q = softmax over k of -|e - l_k|² / 2σ².

    The earlier codes are hard, so the gradient reaches the embedding through q alone. In training mode the prior's
    running mean σ² first takes in these tokens.

    Args:
        prior: the prior.
        quantiser: a quantiser with one codebook of vectors.
        embedding: what entered the quantiser; detached, where only the prior is to be trained.
        codes: the codes that the quantiser chose, of one stage.
    """
    assert quantiser.vectors is not None, "make_prior refuses other quantisers"
    tokens, vectors = tokens_of(quantiser.search_space(embedding)), quantiser.vectors[0]
    chosen = codes[:, 0]
    if prior.training:
        prior.follow((tokens - vectors[chosen]).square().mean())
    nearness = (-prior.costs(tokens, vectors)).softmax(-1)
    loss: Tensor = -(nearness * prior(chosen)).sum(-1).mean()
    return loss
