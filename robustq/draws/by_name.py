"""Build perturbations and attacks from their names."""

from collections.abc import Sequence

from robustq import registry
from robustq.attack import AbstractAttack
from robustq.draws.chain import Chain
from robustq.errors import RequestError
from robustq.perturbation import AbstractPerturbation
from robustq.request.names import LINK, canonical_perturbation
from robustq.request.with_setting import is_one_of, join_setting, split_setting


def load_perturbations(names: Sequence[str], compat: str | None = None) -> dict[str, AbstractPerturbation]:
    """The perturbations of some names, aliases or chains, by the name that stands in the rows.

    Raises:
        RequestError: a name is unknown, or has no formulas of `compat`.
    """
    canonical_names = dict.fromkeys(map(canonical_perturbation, names))
    return {name if compat is None else f"{compat}:{name}": _load(name, compat) for name in canonical_names}


def _load(name: str, compat: str | None) -> AbstractPerturbation:
    members = [(member, registry.load("perturbations", member, compat=compat)()) for member in name.split(LINK)]
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
    by_name: dict[str, AbstractPerturbation | AbstractAttack] = {}
    by_name.update(load_attacks([text]) if is_one_of("attacks", text) else {})
    by_name.update(load_perturbations([text]) if not by_name else {})
    return next(iter(by_name.items()))
