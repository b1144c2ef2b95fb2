"""Perturbations and attacks by their names."""

from collections.abc import Sequence

from robustq import registry
from robustq.draws.chain import Chain
from robustq.perturbation import AbstractPerturbation
from robustq.request.names import LINK, canonical_perturbation


def load_perturbations(names: Sequence[str], compat: str | None = None) -> dict[str, AbstractPerturbation]:
    """The perturbations of these names, aliases or chains of them, by the name that stands in the rows.

    Raises:
        RequestError: one is unknown, or does not exist in these formulas.
    """
    found = dict.fromkeys(map(canonical_perturbation, names))
    return {name if compat is None else f"{compat}:{name}": _load(name, compat) for name in found}


def _load(name: str, compat: str | None) -> AbstractPerturbation:
    members = [(part, registry.load("perturbations", part, compat=compat)()) for part in name.split(LINK)]
    return Chain(tuple(members)) if len(members) > 1 else members[0][1]
