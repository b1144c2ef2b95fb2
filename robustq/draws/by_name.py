"""Perturbations and attacks by their names."""

from collections.abc import Sequence

from robustq import registry
from robustq.attack import AbstractAttack
from robustq.draws.chain import Chain
from robustq.errors import RequestError
from robustq.perturbation import AbstractPerturbation
from robustq.request.names import LINK, canonical_perturbation
from robustq.request.with_setting import is_one_of, join_setting, split_setting


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


def load_attacks(texts: Sequence[str]) -> dict[str, AbstractAttack]:
    """The attacks of texts such as "pgd" or "pgd@l2", by the name that stands in the rows.

    Raises:
        RequestError: a name is unknown, or what follows an `@` does not fit the attack.
    """
    attacks: dict[str, AbstractAttack] = {}
    for text in texts:
        name, setting = split_setting("attacks", text)
        try:
            attack: AbstractAttack = registry.load("attacks", name).parse(setting)
        except RequestError as error:
            raise RequestError(f"attack {text!r}: {error}") from error
        attacks[join_setting(name, attack.setting)] = attack
    return attacks


def load_one(text: str) -> tuple[str, AbstractPerturbation | AbstractAttack]:
    """A perturbation or an attack by its name, with the name that stands in rows.

    Raises:
        RequestError: the name is unknown.
    """
    found: dict[str, AbstractPerturbation | AbstractAttack] = {}
    found.update(load_attacks([text]) if is_one_of("attacks", text) else {})
    found.update(load_perturbations([text]) if not found else {})
    return next(iter(found.items()))
