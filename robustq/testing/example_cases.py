"""Small cases that the contract checks show to an item."""

from torch import Tensor

from robustq.dataset import Case, Entry, own_range


def example_case(
    image: Tensor,
    mask: Tensor,
    *,
    name: str = "case",
    intensity_range: Tensor | None = None,
    ignored: Tensor | None = None,
    slice_axis: int | None = None,
) -> Case:
    """A prepared case of one label, with voxels of one pixel along each axis.

    Args:
        image: (C, *S).
        mask: boolean, (1, *S).
        name: of the case and of its patient.
        intensity_range: (C, 2); the image's own extremes without.
        ignored: boolean, (*S).
        slice_axis: along which a 2D model reads a volume.
    """
    return Case(
        image=image,
        mask=mask,
        intensity_range=own_range(image) if intensity_range is None else intensity_range,
        spacing=(1.0,) * (image.ndim - 1),
        unit="px",
        entry=Entry(name, name),
        labels=("label",),
        ignored=ignored,
        slice_axis=slice_axis,
    )
