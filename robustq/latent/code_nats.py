"""How improbable a prior finds the codes of a case."""

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.latent.latents import Latent
from robustq.model.prior import CodePrior


def code_nats(prior: CodePrior, latent: Latent, dims: int, *, batch_size: int) -> Float[Tensor, "n p"]:
    """-log p of the code of every token, given the codes before it in its own grid.

    Slices and windows of an image are grids of their own, each with its own beginning.

    Args:
        prior: the prior of the model.
        latent: latent of N images of one case, with codes of one stage.
        dims: number of spatial axes of the model.
        batch_size: number of grids in a pass of the prior.
    """
    assert latent.codes is not None, "a model with a prior has codes"
    images, tokens, _ = latent.codes.shape
    grids = latent.codes.reshape(-1, *latent.grid[-dims:])
    return torch.cat([prior.nats(some) for some in grids.split(batch_size)]).reshape(images, tokens)
