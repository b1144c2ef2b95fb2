"""Reads a NIfTI file."""

import math
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from robustq.data.grid import Grid, close, invertible
from robustq.errors import CaseError
from robustq_data.promised import check_promise
from robustq_data.stored import Stored

NIFTI = (".nii.gz", ".nii")

_MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}
"""Code of the unit of length -> millimetres. Every other code says nothing; lengths are then taken as mm."""

_GZIP = b"\x1f\x8b"


def read_nifti(path: Path) -> Stored:
    """The content of a NIfTI file. A fourth axis holds channels, as in the Medical Segmentation Decathlon; or a fifth
    one, if the fourth has the extent 1, as SimpleITK and ANTs write them.

    Raises:
        CaseError: it has another number of axes, or its sform and its qform contradict each other.
    """
    with path.open("rb") as file:
        if file.read(2) == _GZIP and not path.name.lower().endswith(".gz"):
            raise CaseError(f"{path.name} is compressed: rename it to {path.name}.gz")
    image: Any = nibabel.load(path)
    promised = math.prod(map(int, image.shape)) * image.get_data_dtype().itemsize
    check_promise(path, promised, compressed=path.name.lower().endswith(".gz"))
    values = np.asanyarray(image.dataobj)
    if values.ndim == 5:
        raise CaseError(
            f"{path.name} has a fifth axis, on which NIfTI keeps vectors such as displacements: store channels on the "
            "fourth axis"
        )
    if values.ndim not in (2, 3, 4):
        raise CaseError(f"{path.name} has {values.ndim} axes: known are two or three, and a last one for channels")
    axes = min(values.ndim, 3)
    unit = int(image.header["xyzt_units"]) % 8
    grid = _grid(image.header, (*values.shape[:axes], 1)[:3], path, _MILLIMETRES.get(unit, 1.0))
    # An affine without extent, such as a zero one, has no spacing to give.
    zooms = (zoom * _MILLIMETRES.get(unit, 1.0) for zoom in image.header.get_zooms()[:axes])
    spacing = grid.spacing if grid.stated else tuple(float(f"{zoom:.6g}") for zoom in zooms)
    values = np.moveaxis(values, -1, 0) if values.ndim == 4 else values[None]
    if values.ndim == 4 and values.shape[-1] == 1:
        values, axes = values[..., 0], 2
    spacing = spacing[:axes]
    unknown = unit not in _MILLIMETRES and all(step == 1 for step in spacing)
    return Stored(values, spacing, "px" if unknown else "mm", grid)


def _grid(header: Any, shape: tuple[int, ...], path: Path, millimetres: float) -> Grid:
    """The sform where its code is above 0, else the qform; in mm. `millimetres` is the unit of the header."""
    sform, sform_code = header.get_sform(coded=True)
    qform, qform_code = header.get_qform(coded=True)
    if sform_code and qform_code:
        agree = close(qform, sform, shape) if invertible(qform) else np.allclose(qform, sform)
        if not agree:
            raise CaseError(
                f"{path.name} states two positions that differ, sform {Grid(sform)} and qform {Grid(qform)}: delete "
                "the one that is wrong (set its code to 0)"
            )
    affine = sform if sform_code else qform if qform_code else header.get_base_affine()
    stated = bool(sform_code or qform_code) and invertible(affine)
    scaled = np.diag([millimetres] * 3 + [1.0]) @ affine
    return Grid(scaled, stated, bool(np.array_equal(affine, np.eye(4))))
