"""How many draws a run makes of noise and of attacks."""

from collections.abc import Mapping
from typing import Any

from robustq.attack import AbstractAttack
from robustq.perturbation import AbstractPerturbation
from robustq.request.draws import Draws
from robustq.results.directory import RunDirectory

NOISE = 10
"""Default number of draws of a perturbation."""

ATTACK = 1
"""Default number of draws of an attack, because another random start changes figures little and costs many passes."""


def draw_counts(
    asked: Draws | None, noise: bool, attacks: Mapping[str, AbstractAttack], begun: Mapping[str, Any]
) -> tuple[Draws, dict[str, Draws]]:
    """The number of draws of each perturbation, and that of each attack. An attack without randomness has one.

    Args:
        asked: the number that the user asked for, or `AUTO`; None for the defaults.
        noise: whether there are perturbations.
        attacks: attacks by name.
        begun: as `begun_request` gives it. Earlier versions took as many draws of an attack as of noise, and a run that
            one of them began keeps its numbers.
    """

    def of_attacks(draws: Draws) -> dict[str, Draws]:
        return {name: draws if attack.random else 1 for name, attack in attacks.items()}

    if asked is not None:
        return asked, of_attacks(asked)
    if (begun.get("draws"), begun.get("attacks", {})) == (NOISE, of_attacks(NOISE)):
        return NOISE, of_attacks(NOISE)
    return NOISE if noise else ATTACK, of_attacks(ATTACK)


def search_draws(
    asked: int | None, perturbation: AbstractPerturbation | AbstractAttack, begun: Mapping[str, Any]
) -> int:
    """The number of draws at each level of a search; arguments as in `draw_counts`."""
    if not isinstance(perturbation, AbstractAttack):
        return NOISE if asked is None else asked
    if not perturbation.random:
        return 1
    return (NOISE if begun.get("draws") == NOISE else ATTACK) if asked is None else asked


def begun_request(directory: RunDirectory) -> dict[str, Any]:
    """What the run that began in a directory was asked; empty where none began."""
    asked: dict[str, Any] = directory.read()["asked"] if directory.exists else {}
    return asked
