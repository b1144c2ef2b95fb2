"""Makes a perturbation of any intensity transform of TorchIO, by blending its result with the image."""

import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import torch

from robustq.data.torchio_adapter import VERSION, intensity_transforms, named, transformed
from robustq.draws.intensity import in_shares
from robustq.draws.seeds import seeded_globals
from robustq.errors import RequestError, unknown
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange


@dataclass(frozen=True)
class ImportedTransform(AbstractPerturbation):
    """Blend the image with the result of a TorchIO transform T.

    At level L, L % of the change that the transform makes is applied. The image becomes x + s·h·(T(u) - u) with u = (x
    - low)/h, where s is level / 100, and low and h are the lower end and the width of the intensity range. T has its
    default settings. Its random numbers are the same at every level of a draw. It computes in float32.

    Args:
        transform: transform of TorchIO, random or not.
    """

    transform: Any

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·h·(T(u) - u)."""
        with seeded_globals(generator):
            return in_shares(
                image,
                intensity_range,
                lambda shares: shares + level / 100 * (transformed(self.transform, shares) - shares),
            )

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | str]:
        """`blend`, s; and the version of `torchio`, because a transform of one name differs between its versions."""
        return {"blend": level / 100, "torchio": VERSION}


def imported(name: str) -> ImportedTransform:
    """The perturbation `torchio:NAME`. `RandomGhosting` (TorchIO up to 1.x) and `Ghosting` (from 2.0) are the same.

    Raises:
        RequestError: TorchIO has no such transform; or the transform moves the grid, needs settings, or cannot be
            applied to every image.
    """
    factory = named(name.removeprefix("Random"))
    if factory is None:
        raise unknown("TorchIO transform", name, _names())
    if factory not in intensity_transforms().values():
        raise RequestError(
            f"torchio:{name} is not an intensity transform: a blend of a moved and an unmoved image would show both, "
            f"and the mask would fit neither; {_instead(name)}"
        )
    if needed := _needed(factory):
        raise RequestError(
            f"torchio:{name} needs the settings {', '.join(needed)}, but transforms are used with their defaults: "
            f"choose one of {', '.join(_names())}"
        )
    perturbation, reason = _tried(factory)
    if reason:
        transforms = intensity_transforms()
        usable = [usable for usable in _names() if not _tried(transforms[usable])[1]]
        raise RequestError(
            f"torchio:{name} cannot be applied to every image alone ({reason}): choose one of {', '.join(usable)}"
        )
    return perturbation


def _tried(factory: type[Any]) -> tuple[ImportedTransform, str]:
    """The perturbation of a transform, and why it cannot be applied to an empty image; "" if it can."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # some transforms warn about an empty image
        perturbation = ImportedTransform(factory())
        # From 2.0 on, most transforms do nothing until they are given settings, and say so.
        if any("is a no-op" in str(warning.message) for warning in caught):
            return perturbation, f"its defaults change nothing in TorchIO {VERSION}"
        try:
            perturbation.apply(torch.zeros(1, 8, 8, 8), 100, torch.tensor([[0.0, 1.0]]), torch.Generator())
        except Exception as error:  # a transform may raise any error; then it cannot be used here
            return perturbation, " ".join(str(error).split()) or type(error).__name__
    return perturbation, ""


def _needed(factory: type[Any]) -> list[str]:
    """Names of the settings without a default."""
    optional = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(factory).parameters.values()
    return [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind not in optional
    ]


def _names() -> list[str]:
    """Names of the transforms that need no settings."""
    return [name for name, item in intensity_transforms().items() if not _needed(item)]


def _instead(name: str) -> str:
    """A hint to one of robustq's own perturbations that does the same."""
    ours = {"Anisotropy": "anisotropy", "Affine": "affine", "ElasticDeformation": "elastic"}
    near = ours.get(name.removeprefix("Random"))
    return f"use {near}" if near else "use affine or elastic, which move the mask too"
