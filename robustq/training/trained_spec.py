"""What a bundle says of the training of its model."""

from collections.abc import Sequence
from typing import Any

from robustq.dataset import Entry
from robustq.model.spec import Spec
from robustq.training.history import Epoch
from robustq.training.prior_loss import WEIGHT
from robustq.training.recipe import AFTER, Recipe
from robustq.training.resume import TrainingState
from robustq.training.trainer import Trainer


def trained_spec(spec: Spec, recipe: Recipe, trainer: Trainer, training: Sequence[Entry], ended: TrainingState) -> Spec:
    """The spec that says how a model, or the prior of a trained model, was trained, and on which cases.

    Args:
        spec: the spec before the training.
        recipe: recipe of the training.
        trainer: it ran the epochs.
        training: entries of the training cases.
        ended: the state after the last epoch.
    """
    best = ended.history.best
    facts = _facts(recipe, trainer, training, ended)
    of_prior = {"how": recipe.prior, "validation_nats": best.validation_nats}
    if recipe.prior == AFTER:
        return spec.but(prior=of_prior | facts)
    return spec.but(
        seed=trainer.batches.seed,
        remarks=spec.remarks_once_trained,
        training=facts,
        prior={**of_prior, "weight": WEIGHT} if recipe.prior else None,
    )


def _facts(recipe: Recipe, trainer: Trainer, training: Sequence[Entry], ended: TrainingState) -> dict[str, Any]:
    """The facts about a training, as JSON values."""
    batches, best = trainer.batches, ended.history.best
    dataset = batches.cases.dataset
    settings = recipe.to_dict() | {"batch_size": batches.size, "precision": trainer.precision}
    if ended.changes:
        settings["changes"] = list(ended.changes)
    return {
        "dataset": dataset.name,
        "recipe": settings,
        "precision_reason": ended.reason,
        "epochs": len(ended.history.epochs),
        "best_epoch": best.epoch,
        **({} if recipe.prior == AFTER else _scores(best)),
        "training_cases": [dataset.fingerprint(entry) for entry in training],
        "failures": dict(batches.cases.failures),
        "validation_cases": [dataset.fingerprint(entry) for entry in trainer.validation],
        **({"processes": batches.processes.count} if batches.processes.count > 1 else {}),
    }


def _scores(best: Epoch) -> dict[str, float | None]:
    return {
        "validation_dice": best.validation_dice,
        "codes_in_use": best.codes_in_use,
        "perplexity": best.perplexity,
    }
