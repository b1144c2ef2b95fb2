"""Any intensity transform of TorchIO, graded by blending."""

import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import torch
import torchio

from robustq.draws.intensity import in_shares
from robustq.draws.seeds import seeded_globals
from robustq.errors import RequestError, unknown
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.library import named, transformed


@dataclass(frozen=True)
class ImportedTransform(AbstractPerturbation):
    """Blend with what a TorchIO transform T makes of the image: x + s·h·(T(u) - u), where u = (x - low)/h.

    T has its default settings and is drawn once a draw, the same at every level. It computes in float32.

    Args:
        transform: of TorchIO, random or not.
    """

    transform: Any

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """x + s·h·(T(u) - u)."""
        with seeded_globals(generator):
            return in_shares(
                image,
                intensity_range,
                lambda shares: shares + level / 100 * (transformed(shares, self.transform) - shares),
            )

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`blend`, s."""
        return {"blend": level / 100}


def imported(name: str) -> ImportedTransform:
    """The perturbation `torchio:NAME`; `RandomGhosting` (TorchIO up to 1.x) and `Ghosting` (from 2.0) both name one.

    Raises:
        RequestError: TorchIO has no such transform, or one that moves the grid, or that does nothing without settings.
    """
    factory = named(name.removeprefix("Random"))
    if factory is None:
        raise unknown("TorchIO transform", name, _intensity_transforms())
    if not issubclass(factory, torchio.IntensityTransform):
        raise RequestError(
            f"torchio:{name} is not an intensity transform: blending a moved image with the unmoved one shows both, "
            f"and the mask would fit neither; {_instead(name)}"
        )
    if needed := _needed(factory):
        raise RequestError(
            f"torchio:{name} has no default for {', '.join(needed)}, and transforms are imported with their defaults: "
            f"choose one of {', '.join(_intensity_transforms())}"
        )
    perturbation = ImportedTransform(factory())
    if reason := _refusal(perturbation):
        usable = [each for each in _intensity_transforms() if not _refusal(ImportedTransform(getattr(torchio, each)()))]
        raise RequestError(
            f"torchio:{name} cannot be applied to every image alone ({reason}): choose one of {', '.join(usable)}"
        )
    return perturbation


def _refusal(perturbation: ImportedTransform) -> str:
    """Why it cannot be applied to an image in which nothing is to be seen; "" if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that nothing is to be seen
            perturbation.apply(torch.zeros(1, 8, 8, 8), 100, torch.tensor([[0.0, 1.0]]), torch.Generator())
    except Exception as error:  # whatever a stranger's transform raises, it cannot be used here
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def _needed(factory: type[Any]) -> list[str]:
    """Settings without a default."""
    optional = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(factory).parameters.values()
    return [each.name for each in parameters if each.default is each.empty and each.kind not in optional]


def _intensity_transforms() -> list[str]:
    """Those that can be imported."""
    found = [(name, item) for name, item in vars(torchio).items() if isinstance(item, type)]
    return sorted(
        name
        for name, item in found
        if issubclass(item, torchio.IntensityTransform)
        and item is not torchio.IntensityTransform
        and named(name.removeprefix("Random")) is item
        and not _needed(item)
    )


def _instead(name: str) -> str:
    """A perturbation of ours that does what was asked for."""
    ours = {"Anisotropy": "anisotropy", "Affine": "affine", "ElasticDeformation": "elastic"}
    near = ours.get(name.removeprefix("Random"))
    return f"use {near}" if near else "use affine or elastic, which move the mask too"
