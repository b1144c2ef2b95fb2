"""How perturbations are asked for: names, chains of them, and the groups that belong to a modality.

Nothing here imports torch: what the words alone show to be wrong is answered at once.
"""

from collections.abc import Sequence

from robustq import registry
from robustq.errors import RequestError, unknown

LINK = "+"
"""Joins the members of a chain."""

CLEAN = "clean"
"""Stands for every perturbation at level 0, which is computed once a case."""

PRESETS = {
    "mri": (
        *("rician", "bias-field", "gamma", "contrast", "blur"),
        *("ghosting", "motion", "spike", "anisotropy", "affine", "elastic"),
    ),
    "ct": ("gaussian", "poisson", "contrast", "blur", "anisotropy", "affine", "elastic"),
    "xray": (
        *("poisson", "gaussian", "brightness", "contrast", "gamma"),
        *("blur", "defocus", "pixelate", "jpeg", "affine"),
    ),
}
"""What may happen to an image of a modality, from acquisition to storage. `all` stands for every registered name."""


def canonical_perturbation(text: str) -> str:
    """The name that stands in the rows for a name, an alias, or a chain of them, whose order is kept.

    Raises:
        RequestError: a name is unknown or missing.
    """
    parts = [part.strip() for part in text.split(LINK)]
    if not all(parts):
        raise RequestError(f"{text!r} names no perturbation: give a name such as gaussian, or a chain as gaussian+blur")
    return LINK.join(registry.canonical("perturbations", part) for part in parts)


def canonical_attack(text: str) -> str:
    """The name of an attack with its setting, such as pgd@l2, in which the name is the registered one.

    Raises:
        RequestError: the name is unknown.
    """
    name, at, setting = text.strip().partition("@")
    return f"{registry.canonical('attacks', name)}{at}{setting}"


def transferred(attack: str, source: str) -> str:
    """What stands in the rows where an attack aimed at the model `source` is shown to another one."""
    return f"{attack} (from {source})"


def is_transferred(perturbation: str) -> bool:
    """Whether that is what stands there."""
    return " (from " in perturbation


def asked_perturbations(noise: Sequence[str] | None, preset: str | None = None) -> list[str]:
    """The canonical names that `--noise` and `--preset` ask for, each once; gaussian where neither is given.

    Args:
        noise: names or chains, several in one text by commas.
        preset: one of `PRESETS`, or all.

    Raises:
        RequestError: a name, or the preset, is unknown.
    """
    grouped: Sequence[str] = ()
    if preset is not None:
        groups = {**PRESETS, "all": registry.names("perturbations")}
        if preset not in groups:
            raise unknown("preset", preset, groups)
        grouped = groups[preset]
    named = [part for text in noise or () for part in text.split(",")]
    return list(dict.fromkeys(map(canonical_perturbation, [*named, *grouped] or ["gaussian"])))
