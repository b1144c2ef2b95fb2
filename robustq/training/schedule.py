"""The learning rate of each epoch."""

import math

from robustq.training.recipe import Recipe


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """The learning rate of an epoch, counted from 1.

    The schedule "cosine" begins with the recipe's learning rate and falls towards 0, which it would reach in the epoch
    after the last one (Loshchilov & Hutter 2017, without restarts).
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * (1 + math.cos(math.pi * (epoch - 1) / recipe.epochs)) / 2
