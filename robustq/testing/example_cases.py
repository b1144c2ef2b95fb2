"""Small cases on which the checks run an item."""

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
    """A prepared case of one label; its voxels measure one pixel along each axis.

    Args:
        image: image, (C, *S).
        mask: mask of the label, boolean, (1, *S).
        name: name of the case and of its group.
        intensity_range: (low, high) of each channel, (C, 2); by default the channel's minimum and maximum.
        ignored: voxels that do not count, boolean, (*S).
        slice_axis: axis along which a 2D model reads the volume.
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
