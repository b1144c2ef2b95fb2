"""The fresh prior over codes with which a training begins, and models and recipes that cannot have one."""

import torch

from robustq.errors import RequestError
from robustq.model.prior import CodePrior, make_prior
from robustq.model.segmenter import Segmenter
from robustq.training.recipe import AFTER, Recipe


def fresh_prior(model: Segmenter, seed: int) -> CodePrior:
    """A prior over the codes of a model, with weights that the seed draws, on the model's device.

    Raises:
        RequestError: the model's quantiser has no codebook of one stage, or too many codes.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make_prior(model.quantiser, str(model.spec.quantise)).to(model.device)


def check_prior(model: Segmenter, recipe: Recipe) -> None:
    """Refuse a recipe with a prior for a model that cannot have one.

    Raises:
        RequestError: as `fresh_prior`; or the prior is to be fitted to the codes of a model that is not trained.
    """
    if recipe.prior:
        make_prior(model.quantiser, str(model.spec.quantise))
    if recipe.prior == AFTER and model.spec.training is None and not model.spec.weights:
        raise RequestError(
            "prior=after fits a prior to the codes of a trained model, and this model is untrained: train it first, or "
            "train both together with prior=joint (--prior joint)"
        )
