"""The dataset `phantom`: an artificial chest, imaged by two scanners."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import torch

from robustq.dataset import AbstractDataset, Case, Entry, own_range
from robustq.errors import RequestError, unknown
from robustq_data.anatomy import LABELS, draw_anatomy
from robustq_data.scanner import SCANNERS

SIZE = {2: (128, 128), 3: (64, 48, 32)}
FIELD = {2: (384.0, 384.0), 3: (384.0, 288.0, 288.0)}
"""Field of view, in mm."""

NUMBERED = 1000
"""Number of cases of each scanner that are searched to find on which scanner a model was trained."""


class PhantomDataset(AbstractDataset):
    """Artificial cases made from a seed: a torso with two lungs and a heart, as seen by the scanners A and B.

    Shape and pose differ from case to case, and no patient is imaged by both scanners. A case depends only on the
    seed, its number and its scanner, so a larger number of cases does not change the first ones.

    Args:
        dims: 2 for a slice of 128×128 at 3 mm; 3 for a volume of 64×48×32 at 6×6×9 mm.
        cases: number of cases of each scanner.
        first: number of the first case: `first=160,cases=12` gives A/0160 to A/0171 and B/0160 to B/0171.
        seed: seed of the patients.
        domain: scanner, "A" or "B"; by default both.
    """

    def __init__(
        self,
        *,
        dims: int | str = 2,
        cases: int | str = 24,
        first: int | str = 0,
        seed: int | str = 0,
        domain: str | None = None,
    ) -> None:
        self.dims, self.cases = _whole("dims", dims), _whole("cases", cases)
        self.first, self.seed = _whole("first", first), _whole("seed", seed)
        if self.dims not in SIZE or self.cases < 1 or min(self.first, self.seed) < 0:
            raise RequestError(
                f"there is no phantom with dims={dims}, cases={cases}, first={first}, seed={seed}: give dims 2 or 3, "
                "cases 1 or more, first and seed 0 or more"
            )
        if domain is not None and domain not in SCANNERS:
            raise unknown("scanner of the phantom", domain, SCANNERS)
        self.name = "phantom"
        self.labels = LABELS
        self._domains = list(SCANNERS) if domain is None else [domain]

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases: `A/0000`, `A/0001` and so on."""
        return self._numbered(range(self.first, self.first + self.cases))

    @property
    def unlisted(self) -> Sequence[Entry]:
        """The other cases up to number 999, which are needed to find on which scanner a model was trained."""
        last = self.first + self.cases
        return self._numbered([*range(self.first), *range(last, NUMBERED)])

    def _numbered(self, numbers: Sequence[int]) -> Sequence[Entry]:
        names = [f"{domain}/{number:04d}" for domain in self._domains for number in numbers]
        return [Entry(name, name, name[0]) for name in names]

    def read(self, entry: Entry) -> Case:
        """Draw the case."""
        domain, _, number = entry.id.partition("/")
        if domain not in SCANNERS or not number.isdigit():
            raise RequestError(f"the phantom has no case {entry.id!r}: give a name such as A/0000")
        key = [self.seed, self.dims, int(number), list(SCANNERS).index(domain)]
        generator = np.random.default_rng(key)
        grids = [(np.arange(extent) + 0.5) / extent * 2 - 1 for extent in SIZE[self.dims]]
        points = np.meshgrid(*grids, indexing="ij")
        # The first axis points to the patient's left, the second to the back, and a third to the head.
        x, y, z = points if self.dims == 3 else (*points, np.zeros_like(points[0]))
        tissues = draw_anatomy(generator).tissues(x, y, z)
        image = torch.from_numpy(SCANNERS[domain].image(tissues, points, generator)).float()[None]
        mask = np.zeros(x.shape, np.int32)
        for value, name in LABELS.items():
            mask[tissues[name] > 0] = value
        if self.dims == 2:  # rows first, as a picture is stored
            image, mask = image.mT.contiguous(), mask.T.copy()
        return Case(
            image=image,
            mask=torch.from_numpy(mask),
            intensity_range=own_range(image),
            spacing=tuple(field / extent for field, extent in zip(FIELD[self.dims], SIZE[self.dims], strict=True)),
            unit="mm",
            entry=entry,
        )

    def fingerprint(self, entry: Entry) -> str:
        """A hash of the settings from which the case is drawn."""
        return sha256(f"phantom {self.dims} {self.seed} {entry.id}".encode()).hexdigest()[:16]


def _whole(name: str, value: int | str) -> int:
    """The value of a setting that is a whole number."""
    try:
        return int(value)
    except ValueError as error:
        raise RequestError(f"phantom:{name}={value} is not a whole number: give one, as in phantom:{name}=2") from error
