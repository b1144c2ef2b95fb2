"""A case of the gallery: its images and masks, slice by slice."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

Slices = UInt8[np.ndarray, "n y x"]

AGREES, MISSED, INVENTED, CONFUSED = 1, 2, 3, 4
"""What a pixel of an answer is beside the truth; 0 where both show no label."""

_COLOURS = {AGREES: (0, 158, 115), MISSED: (64, 140, 255), INVENTED: (235, 60, 20), CONFUSED: (240, 228, 66)}


@dataclass(frozen=True)
class Picture:
    """One case with a low score.

    Attributes:
        case: name of the case on the page.
        about: the perturbation and the level at which its score is lowest.
        clean: the image at level 0, its slices as grey values.
        truth: the true mask of any label at level 0, as `AGREES`.
        perturbed: for each model, the image that it was shown at that level.
        marks: for each model, its answer beside the truth at level 0 and at that level.
        scores: for each model, its score at level 0 and at that level, as printed.
    """

    case: str
    about: str
    clean: Slices
    truth: Slices
    perturbed: Mapping[str, Slices]
    marks: Mapping[str, tuple[Slices, Slices]]
    scores: Mapping[str, tuple[str, str]]

    @property
    def slices(self) -> int:
        """Number of slices; 1 for an image of two axes."""
        return len(self.clean)

    def views(self, place: int) -> Sequence[tuple[str, str, str]]:
        """What is shown of a slice: for each view its name, the image, and the mask above it, as data URLs."""
        clean = _grey(self.clean[place])
        views = [("image at 0 %", clean, ""), ("truth", clean, _coloured(self.truth[place]))]
        shown = ""
        for model, (at_zero, worst) in self.marks.items():
            image = _grey(self.perturbed[model][place])
            if image != shown:
                whose = "" if not shown else f", as {model} was shown it"
                views.append((f"perturbed image{whose}", image, ""))
                shown = image
            views += [
                (f"{model} at 0 %: {self.scores[model][0]}", clean, _coloured(at_zero[place])),
                (f"{model}, perturbed: {self.scores[model][1]}", image, _coloured(worst[place])),
            ]
        return views


def _grey(image: UInt8[np.ndarray, "y x"]) -> str:
    return _png(image)


def _coloured(marks: UInt8[np.ndarray, "y x"]) -> str:
    pixels = np.zeros((*marks.shape, 4), np.uint8)
    for mark, colour in _COLOURS.items():
        pixels[marks == mark] = (*colour, 150)
    return _png(pixels)


def _png(pixels: np.ndarray) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
