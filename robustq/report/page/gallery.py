"""A case of the gallery: its images and masks, slice by slice."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from PIL.Image import Image

Slices = UInt8[np.ndarray, "n y x"]

AGREES, MISSED, INVENTED, CONFUSED = 1, 2, 3, 4
"""What a pixel of an answer is beside the truth; 0 where both show no label."""

_COLOURS = {AGREES: (0, 158, 115), MISSED: (64, 140, 255), INVENTED: (235, 60, 20), CONFUSED: (240, 228, 66)}


class View(NamedTuple):
    """One view of a slice: what it shows, the name of its grey image, and the coloured mask above it, "" for none."""

    name: str
    image: str
    mask: str


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

    def images(self, place: int) -> Mapping[str, str]:
        """The grey images of a slice as data URLs, each once: `clean`, then one for each model that has its own."""
        images: dict[str, str] = {"clean": _grey(self.clean[place])}
        for model, image in self._own_images(place).items():
            if image not in images.values():
                images[f"p{list(self.marks).index(model)}"] = image
        return images

    def views(self, place: int) -> Sequence[View]:
        """What is shown of a slice: image and truth, then each model at level 0 and under the perturbation."""
        named = {image: name for name, image in self.images(place).items()}
        views = [View("image at 0 %", "clean", ""), View("truth", "clean", _coloured(self.truth[place]))]
        own_images = self._own_images(place)
        seen: set[str] = set()
        for model, (at_zero, worst) in self.marks.items():
            image = named[own_images[model]]
            if image not in seen:
                whose = f", as {model} was shown it" if seen else ""
                views.append(View(f"perturbed image{whose}", image, ""))
                seen.add(image)
            views += [
                View(f"{model} at 0 %: {self.scores[model][0]}", "clean", _coloured(at_zero[place])),
                View(f"{model}, perturbed: {self.scores[model][1]}", image, _coloured(worst[place])),
            ]
        return views

    def _own_images(self, place: int) -> dict[str, str]:
        return {model: _grey(self.perturbed[model][place]) for model in self.marks}


def _grey(image: UInt8[np.ndarray, "y x"]) -> str:
    from PIL import Image

    return _png(Image.fromarray(image))


def _coloured(marks: UInt8[np.ndarray, "y x"]) -> str:
    from PIL import Image

    picture = Image.fromarray(marks, "P")
    picture.putpalette([0, 0, 0, *(value for mark in sorted(_COLOURS) for value in _COLOURS[mark])])
    return _png(picture, transparency=bytes([0] + [150] * len(_COLOURS)))


def _png(picture: "Image", **settings: bytes) -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True, **settings)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
