"""A case of the gallery: its images and masks, slice by slice."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

Slices = UInt8[np.ndarray, "n y x"]
Found = Bool[np.ndarray, "n y x"]

_GREEN, _BLUE, _RED = (0, 158, 115), (60, 130, 255), (230, 60, 0)
"""Colours of voxels that truth and answer share, that are missed, and that are invented."""


@dataclass(frozen=True)
class Picture:
    """One case with a low score.

    Attributes:
        case: name of the case on the page.
        about: which perturbation and level, and the score of each model there.
        clean: the image at level 0, its slices as grey values.
        perturbed: for each model, the image that it was shown at the worst level.
        truth: where the true mask of any label is.
        truth_perturbed: the same at the worst level; it differs where the perturbation moves the mask.
        answers: for each model, where it answers any label at level 0 and at the worst level.
        scores: for each model, its score at level 0 and at the worst level.
    """

    case: str
    about: str
    clean: Slices
    perturbed: Mapping[str, Slices]
    truth: Found
    truth_perturbed: Found
    answers: Mapping[str, tuple[Found, Found]]
    scores: Mapping[str, tuple[float, float]]

    @property
    def slices(self) -> int:
        """Number of slices; 1 for an image of two axes."""
        return len(self.clean)

    def views(self, place: int) -> Sequence[tuple[str, str, str]]:
        """What is shown of a slice: for each view its name, the image and the mask above it, as data URLs."""
        clean = _grey(self.clean[place])
        views = [
            ("image at 0 %", clean, ""),
            ("truth", clean, _mask(self.truth[place], self.truth[place])),
        ]
        for model, (at_zero, worst) in self.answers.items():
            shown = _grey(self.perturbed[model][place])
            views += [
                (f"{model} at 0 %", clean, _mask(at_zero[place], self.truth[place])),
                (f"{model} at the worst level", shown, _mask(worst[place], self.truth_perturbed[place])),
            ]
        return views


def _grey(image: UInt8[np.ndarray, "y x"]) -> str:
    return _png(image, "L")


def _mask(answer: Bool[np.ndarray, "y x"], truth: Bool[np.ndarray, "y x"]) -> str:
    """The answer in colours: what it shares with the truth, what it misses and what it invents."""
    pixels = np.zeros((*answer.shape, 4), np.uint8)
    for where, colour in ((answer & truth, _GREEN), (truth & ~answer, _BLUE), (answer & ~truth, _RED)):
        pixels[where] = (*colour, 150)
    return _png(pixels, "RGBA")


def _png(pixels: np.ndarray, mode: str) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels, mode).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
