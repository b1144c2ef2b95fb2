"""Attacked draws: those aimed at a model itself, and those transferred to it from another model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustq.attack import AbstractAttack, Aimed
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.errors import RequestError, unknown
from robustq.model.segmenter import Segmenter
from robustq.request.names import transferred


@dataclass(frozen=True)
class Attacker:
    """Aims every attack at every model.

    Each model gets the draws that are aimed at it. To detect masked gradients, draws are also transferred: every model
    but the source gets the draws aimed at the source, and the source gets those aimed at all other models.

    Attributes:
        attacks: attacks by the name that stands in the rows.
        models: models by name.
        source: name of the model whose attacked draws are transferred to the others; None with a single model.
        settings: settings of all draws.
    """

    attacks: Mapping[str, AbstractAttack]
    models: Mapping[str, Segmenter]
    source: str | None
    settings: DrawSettings

    def views(self, attack: str) -> list[tuple[Perturber, Mapping[str, Sequence[str]]]]:
        """For each model, what makes the draws aimed at it, and which models get these draws under which names."""
        views: list[tuple[Perturber, Mapping[str, Sequence[str]]]] = []
        for name, model in self.models.items():
            perturber = Perturber({attack: Aimed(self.attacks[attack], model, self.settings.clip)}, self.settings)
            transfers = {target: [transferred(attack, name)] for target in self.models if name in self._sources(target)}
            views.append((perturber, {name: [attack], **transfers}))
        return views

    def names(self, model: str) -> list[str]:
        """The names of all attacked draws that a model gets, as they stand in its rows."""
        return [
            name
            for attack in self.attacks
            for name in (attack, *(transferred(attack, source) for source in self._sources(model)))
        ]

    def _sources(self, target: str) -> list[str]:
        """The models whose attacked draws are transferred to a model."""
        if self.source is None:
            return []
        return [name for name in self.models if name != self.source] if target == self.source else [self.source]


def choose_source(models: Mapping[str, Segmenter], asked: str | None) -> str | None:
    """The model whose attacked draws are transferred to the others.

    It is the model asked for; else the first matched baseline (`identity:D`), the first model without a codebook, or
    the first model.

    Returns:
        The name of the model; None where there is a single model.

    Raises:
        RequestError: no model has the name asked for, or there is no other model.
    """
    if asked is not None and asked not in models:
        raise unknown("model", asked, models)
    if len(models) < 2:
        if asked is not None:
            raise RequestError(f"{asked!r} is the only model, and a transfer needs two: give another model")
        return None
    plain = [name for name, model in models.items() if model.quantiser is None or model.quantiser.capacity is None]
    matched = [name for name in plain if models[name].quantiser is not None]
    return asked or next(iter([*matched, *plain, *models]))
