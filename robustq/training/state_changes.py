"""Changes the settings with which a training goes on, and records when they changed."""

from dataclasses import replace

from robustq.model.device import Precision
from robustq.training.recipe import Recipe
from robustq.training.resume import TrainingState


def with_settings(state: TrainingState, recipe: Recipe, precision: Precision, reason: str) -> TrainingState:
    """An earlier training's state, to go on with another recipe. A training that was in fp32 stays in fp32.

    Args:
        state: the state after the last whole epoch.
        recipe: the recipe to go on with.
        precision: the precision that the recipe asks for.
        reason: the reason for this precision, in words.
    """
    if state.precision == "fp32" != precision:
        precision, reason = "fp32", state.reason
    changes, done = list(state.changes), len(state.history.epochs)
    if state.learning_rate != recipe.learning_rate:
        changes.append(_change("learning rate", state.learning_rate, recipe.learning_rate, done))
    if state.precision not in (None, precision):
        changes.append(_change("precision", state.precision, precision, done))
    return replace(state, precision=precision, reason=reason, changes=tuple(changes))


def in_fp32(state: TrainingState, precision: Precision, reason: str) -> TrainingState:
    """The state from which a training goes on in fp32, because something was not finite in another precision.

    Args:
        state: the state after the last whole epoch, or before the first one.
        precision: the other precision.
        reason: what was not finite.
    """
    done = len(state.history.epochs)
    changes = (*state.changes, _change("precision", precision, "fp32", done)) if done else state.changes
    return replace(state, precision="fp32", reason=f"{reason} in {precision}", changes=changes)


def _change(setting: str, before: object, now: object, done: int) -> str:
    """A change of a setting after a number of whole epochs, in words."""
    return f"{setting} {before} until epoch {done}, {now} from epoch {done + 1} on"
