"""Reads the options of robustq wrap that say how cases are prepared."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustq.request import values

if TYPE_CHECKING:
    from robustq.data.preparation import Preparation


@dataclass(frozen=True)
class Cases:
    """The values of the options that say how cases are prepared."""

    size: tuple[int, ...] | None
    spacing: tuple[float, ...] | None
    crop: tuple[int, ...] | None
    patch: tuple[int, ...] | None
    normalise: str | None
    window: tuple[float, float] | None
    labels: tuple[tuple[int, str], ...] | None
    ignore: int | None
    grey_to_rgb: bool
    mean_std: tuple[tuple[float, ...], tuple[float, ...]] | None

    @classmethod
    def parse(
        cls,
        size: str | None,
        spacing: str | None,
        crop: str | None,
        patch: str | None,
        normalise: str | None,
        window: str | None,
        labels: str | None,
        ignore: int | None,
        grey_to_rgb: bool,
        mean_std: str | None,
    ) -> "Cases":
        """Read the texts of the options.

        Raises:
            RequestError: a text is not written as its option requires.
        """
        return cls(
            values.numbers("--size", size, int),
            values.numbers("--spacing", spacing, float),
            values.numbers("--crop", crop, int),
            values.numbers("--patch", patch, int),
            normalise,
            values.window(window),
            values.labels(labels),
            ignore,
            grey_to_rgb,
            values.mean_std(mean_std),
        )

    @property
    def given(self) -> dict[str, object]:
        """The values that the folder of a trained network gives too, by the name of their option; None for an option
        that was not given."""
        return vars(self) | {"grey_to_rgb": self.grey_to_rgb or None}

    @property
    def channels(self) -> int | None:
        """Image channels of a network for these cases, as far as the options show it."""
        if self.mean_std is not None and not self.grey_to_rgb:
            return len(self.mean_std[0])
        return 3 if self.grey_to_rgb or self.normalise == "imagenet" else None

    def extents(self, dims: int) -> tuple[int, ...]:
        """The spatial extents of what the model sees; those of an example if cases differ in size."""
        return self.patch or self.crop or self.size or (128,) * dims

    def preparation(self, dims: int, channels: int, labels: tuple[tuple[int, str], ...]) -> "Preparation":
        """The preparation that a model stores."""
        from robustq.data.preparation import Preparation

        normalise = self.normalise or ("min-max" if self.mean_std is None else "mean-std")
        return Preparation(dims=dims, channels=channels, **{**vars(self), "normalise": normalise, "labels": labels})
