"""Attacked draws: each model's own, and those that are transferred from another one."""

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

    A model is shown its own attack. Beside it, so that masked gradients are not mistaken for robustness, every model
    but the source is shown the source's, and the source is shown those of all others.

    Attributes:
        attacks: by the name that stands in the rows.
        models: by name.
        source: whose attacks are transferred; None with a single model.
        settings: of all draws.
    """

    attacks: Mapping[str, AbstractAttack]
    models: Mapping[str, Segmenter]
    source: str | None
    settings: DrawSettings

    def views(self, attack: str) -> list[tuple[Perturber, Mapping[str, Sequence[str]]]]:
        """For each model, what makes the draws aimed at it, and who is shown them under which name."""
        found: list[tuple[Perturber, Mapping[str, Sequence[str]]]] = []
        for name, model in self.models.items():
            aimed = Perturber({attack: Aimed(self.attacks[attack], model, self.settings.clip)}, self.settings)
            others = {target: [transferred(attack, name)] for target in self.models if name in self._sources(target)}
            found.append((aimed, {name: [attack], **others}))
        return found

    def names(self, model: str) -> list[str]:
        """Everything attacked that a model is shown, by the names that stand in its rows."""
        return [
            name
            for attack in self.attacks
            for name in (attack, *(transferred(attack, source) for source in self._sources(model)))
        ]

    def _sources(self, target: str) -> list[str]:
        """Whose attacks are transferred to a model."""
        if self.source is None:
            return []
        return [name for name in self.models if name != self.source] if target == self.source else [self.source]


def choose_source(models: Mapping[str, Segmenter], asked: str | None) -> str | None:
    """The model whose attacks are transferred.

    The one asked for; else the first matched baseline (`identity:D`), the first without a codebook, or the first.

    Returns:
        Its name; None where there is a single model, and nothing to transfer to.

    Raises:
        RequestError: no model has the name asked for, or it is alone.
    """
    if asked is not None and asked not in models:
        raise unknown("model", asked, models)
    if len(models) < 2:
        if asked is not None:
            raise RequestError(f"{asked!r} is the only model, and an attack is transferred between two: give another")
        return None
    plain = [name for name, model in models.items() if model.quantiser is None or model.quantiser.capacity is None]
    matched = [name for name in plain if models[name].quantiser is not None]
    return asked or next(iter([*matched, *plain, *models]))
