"""Reads the names of perturbations and attacks: single names, chains of names, and presets for a modality.

This module never imports torch, so that a wrong name is reported at once.
"""

from collections.abc import Sequence

from robustq import registry
from robustq.errors import RequestError, unknown
from robustq.request.with_setting import join_setting, split_setting

LINK = "+"
"""Joins the names of a chain."""

CLEAN = "clean"
"""Name in the rows for every perturbation at level 0, which is computed once for each case."""

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
"""Modality -> perturbations that may happen to its images, from acquisition to storage. The preset `all` has every
registered name."""


def canonical_perturbation(text: str) -> str:
    """The name in the rows for a perturbation's name, an alias, or a chain of names. The order of a chain is kept.

    Raises:
        RequestError: a name is unknown or missing.
    """
    names = [name.strip() for name in text.split(LINK)]
    if not all(names):
        raise RequestError(
            f"{text!r} lacks the name of a perturbation: give a name such as gaussian, or a chain such as gaussian+blur"
        )
    return LINK.join(registry.canonical("perturbations", name) for name in names)


def canonical_attack(text: str) -> str:
    """The registered name of an attack with its setting, such as pgd@l2.

    Raises:
        RequestError: the name is unknown, or nothing follows the @.
    """
    return join_setting(*split_setting("attacks", text))


_FROM = " (from "


def transferred(attack: str, source: str) -> str:
    """The name in the rows for an attack that was aimed at the model `source` and is applied to another model."""
    return f"{attack}{_FROM}{source})"


def is_transferred(perturbation: str) -> bool:
    """Whether a name in the rows is one that `transferred` gives."""
    return _FROM in perturbation


def not_transferred(perturbation: str) -> str:
    """The attack in a name that `transferred` gives; any other name as it is."""
    return perturbation.partition(_FROM)[0]


def asked_perturbations(noise: Sequence[str] | None, preset: str | None = None) -> list[str]:
    """The canonical names that `--noise` and `--preset` ask for, each once; gaussian if neither is given.

    Args:
        noise: texts with one or more names or chains, separated by commas.
        preset: one of `PRESETS`, or all.

    Raises:
        RequestError: a name or the preset is unknown.
    """
    grouped: Sequence[str] = ()
    if preset is not None:
        groups = {**PRESETS, "all": registry.names("perturbations")}
        if preset not in groups:
            raise unknown("preset", preset, groups)
        grouped = groups[preset]
    named = [name for text in noise or () for name in text.split(",")]
    return list(dict.fromkeys(map(canonical_perturbation, [*named, *grouped] or ["gaussian"])))
