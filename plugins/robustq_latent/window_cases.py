"""The windows of a case, for figures that hold tokens against places."""

from robustq.data.patches import pad_case, part_of
from robustq.dataset import Case
from robustq.model.abstract_windows import AbstractWindows
from robustq.training.batches import slice_of


def window_cases(case: Case, windows: AbstractWindows | None) -> list[Case]:
    """The windows of a prepared case as cases, in the order of its latents; the case itself without windows.

    Where a 2D model reads a volume, these are the windows of its slices.
    """
    if windows is None:
        return [case]
    axis = case.slice_axis
    slices = [case] if axis is None else [slice_of(case, place) for place in range(case.image.shape[axis + 1])]
    return [
        part_of(padded, corner, windows.size)
        for padded in (pad_case(image, windows.size) for image in slices)
        for corner in windows.corners(padded.image.shape[1:])
    ]
