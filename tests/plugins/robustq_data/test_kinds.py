"""Kinds of files that few programs write: each is read as it is meant, or left out with a sentence."""

import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from image_folder import only as only
from image_folder import root as root
from robustq.data.open_dataset import open_dataset
from robustq.errors import CaseError

RNG = np.random.default_rng(0)
SHAPE = (6, 7, 5)
STRAIGHT = np.array([[0.7, 0, 0, 11], [0, 0.8, 0, -7], [0, 0, 2.5, 3], [0, 0, 0, 1]])
LEAN = nibabel.affines.from_matvec(nibabel.eulerangles.euler2mat(z=np.pi / 4, y=0.3), [-30, 20, 11]) @ np.diag(
    [0.7, 0.8, 2.5, 1]
)


def values(*shape: int, high: int = 2) -> np.ndarray:
    return RNG.integers(0, high, shape).astype(np.uint8)


def nifti(
    path: Path, array: np.ndarray, sform: np.ndarray | None, qform: np.ndarray | None = None, unit: int = 0
) -> None:
    image = nibabel.Nifti1Image(array, None)
    image.header.set_qform(qform, int(qform is not None))
    image.header.set_sform(sform, int(sform is not None))
    image.header["xyzt_units"] = unit
    nibabel.save(image, path)


@pytest.mark.parametrize(("unit", "length"), [(1, 1e-3), (2, 1.0), (3, 1e3), (1 + 8, 1e-3)])
@pytest.mark.parametrize("other", [False, True])
def test_lengths_in_metres_and_microns_are_brought_to_millimetres_also_beside_another_unit(
    root: Path, unit: int, length: float, other: bool
) -> None:
    mask, scaled = values(*SHAPE), np.diag([length, length, length, 1]) @ STRAIGHT
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), scaled, unit=unit)
    if other:
        nifti(root / "masks" / "a.nii.gz", mask[::-1].copy(), mirrored(), unit=2)
    else:
        nifti(root / "masks" / "a.nii.gz", mask, scaled, unit=unit)
    case, _ = only(root)
    assert np.array_equal(case.mask, mask)
    assert (case.spacing, case.unit) == ((0.7, 0.8, 2.5), "mm")


def mirrored() -> np.ndarray:
    """The grid of STRAIGHT with its first axis the other way round."""
    affine = STRAIGHT.copy()
    affine[0, 0], affine[0, 3] = -0.7, 11 + 5 * 0.7
    return affine


def test_a_unit_that_nifti_does_not_know_is_taken_as_millimetres(root: Path) -> None:
    for folder in ("images", "masks"):
        nifti(root / folder / "a.nii", values(*SHAPE), STRAIGHT, unit=5)
    assert only(root)[0].spacing == (0.7, 0.8, 2.5)


def test_affines_that_another_tool_has_rounded_are_one_grid_in_an_oblique_image_of_many_voxels(root: Path) -> None:
    mask = values(300, 200, 2)
    nifti(root / "images" / "a.nii.gz", values(300, 200, 2), LEAN)
    nifti(root / "masks" / "a.nii.gz", mask, np.round(LEAN, 4))
    assert np.array_equal(only(root)[0].mask, mask)


def test_a_qform_alone_and_a_sform_alone_are_compared(root: Path) -> None:
    mask = values(*SHAPE)
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), None, LEAN)
    nifti(root / "masks" / "a.nii.gz", mask, LEAN)
    case, dataset = only(root)
    assert np.array_equal(case.mask, mask)
    assert list(dataset.remarks) == []


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        ((3, 4, 3), STRAIGHT @ np.array([[2, 0, 0, 0.5], [0, 2, 0, 0.5], [0, 0, 2, 0.5], [0, 0, 0, 1]])),
        (SHAPE, STRAIGHT + np.array([[0, 0, 0, 0.7], [0] * 4, [0] * 4, [0] * 4])),
        ((6, 7, 4), STRAIGHT),
    ],
    ids=["half the resolution", "one voxel aside", "one slice less"],
)
def test_a_mask_of_another_grid_at_the_same_place_is_left_out(
    root: Path, shape: tuple[int, ...], affine: np.ndarray
) -> None:
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), STRAIGHT)
    nifti(root / "masks" / "a.nii.gz", values(*shape), affine)
    with pytest.raises(CaseError, match="not one grid in any order of the axes"):
        only(root)


def test_a_vector_nifti_is_left_out_because_its_vectors_may_be_displacements(root: Path) -> None:
    image = RNG.random((5, 7, 6, 3)).astype(np.float32)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(image, isVector=True), str(root / "images" / "a.nii.gz"))
    mask = values(5, 7, 6)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(mask), str(root / "masks" / "a.nii.gz"))
    with pytest.raises(CaseError, match="fifth axis, on which NIfTI keeps vectors"):
        only(root)


def test_a_compressed_file_without_its_suffix_is_left_out_with_the_way_out(root: Path) -> None:
    for folder in ("images", "masks"):
        nifti(root / folder / "a.nii", values(*SHAPE), STRAIGHT)
    path = root / "images" / "a.nii"
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(CaseError, match=r"a\.nii is compressed: rename it to a\.nii\.gz"):
        only(root)


def nhdr(path: Path, array: np.ndarray) -> None:
    path.with_suffix(".raw").write_bytes(array.tobytes(order="F"))
    path.write_text(
        "NRRD0004\ntype: uchar\ndimension: 3\nspace: LPS\nsizes: 6 7 5\nspace directions: (0.7,0,0) (0,0.8,0) "
        f"(0,0,2.5)\nspace origin: (1,2,3)\nencoding: raw\ndata file: {path.stem}.raw\n"
    )


def test_a_nrrd_header_with_a_file_of_values_is_read_and_known_by_its_values(root: Path) -> None:
    image, mask = values(*SHAPE, high=200), values(*SHAPE)
    for patient in ("p1", "p2"):
        for folder, array in (("images", image), ("masks", mask)):
            (root / folder / patient).mkdir()
            nhdr(root / folder / patient / "a.nhdr", array if patient == "p1" else array[::-1])
    dataset = open_dataset(str(root))
    first, second = dataset.entries
    assert np.array_equal(dataset.read(first).image[0], image)
    assert np.array_equal(dataset.read(second).mask, mask[::-1])
    assert dataset.fingerprint(first) != dataset.fingerprint(second)


@pytest.mark.parametrize("space", ["left-anterior-superior", "LAS", "left-posterior-superior"])
def test_a_nrrd_file_of_another_space_is_turned_to_its_image(root: Path, space: str) -> None:
    def nrrd(path: Path, array: np.ndarray, space: str, sign: int) -> None:
        header = (
            f"NRRD0004\ntype: uchar\ndimension: 3\nspace: {space}\nsizes: 6 7 5\nspace directions: (0.7,0,0) "
            f"(0,{sign * 0.8},0) (0,0,2.5)\nspace origin: (1,{sign * 2},3)\nencoding: raw\n\n"
        )
        path.write_bytes(header.encode() + array.tobytes(order="F"))

    mask = values(*SHAPE)
    nrrd(root / "images" / "a.nrrd", values(*SHAPE), "left-posterior-superior", 1)
    nrrd(root / "masks" / "a.nrrd", mask, space, 1 if "posterior" in space else -1)
    assert np.array_equal(only(root)[0].mask, mask)


@pytest.mark.parametrize(
    ("spacing", "direction", "origin"),
    [("-0.7 0.8 2.5", "1 0 0 0 1 0 0 0 1", "4.5 2 3"), ("0.7 0.8 2.5", "-1 0 0 0 1 0 0 0 1", "4.5 2 3")],
    ids=["negative spacing", "left-handed"],
)
def test_a_metaimage_that_runs_the_other_way_is_flipped_to_its_image(
    root: Path, spacing: str, direction: str, origin: str
) -> None:
    def metaimage(path: Path, array: np.ndarray, spacing: str, direction: str, origin: str) -> None:
        header = (
            f"ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = {direction}\nOffset = {origin}\n"
            f"ElementSpacing = {spacing}\nDimSize = 6 7 5\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
        )
        path.write_bytes(header.encode() + array.tobytes(order="F"))

    mask = values(*SHAPE)
    metaimage(root / "images" / "a.mha", values(*SHAPE), "0.7 0.8 2.5", "1 0 0 0 1 0 0 0 1", "1 2 3")
    metaimage(root / "masks" / "a.mha", mask[::-1], spacing, direction, origin)
    assert np.array_equal(only(root)[0].mask, mask)


def tiff(path: Path, array: np.ndarray, kind: int, orientation: int = 1, *, white_is_zero: bool = False) -> None:
    """A TIFF of one strip; `kind` is 1 for unsigned, 2 for signed, 3 for floating point."""
    order = {"<": "<", ">": ">"}.get(array.dtype.byteorder, "<")
    height, width = array.shape
    tags = [
        (256, width),
        (257, height),
        (258, array.dtype.itemsize * 8),
        (259, 1),
        (262, int(not white_is_zero)),
        (273, 0),
        (274, orientation),
    ]
    tags += [(277, 1), (278, height), (279, array.nbytes), (339, kind)]
    start = 8 + 2 + 12 * len(tags) + 4
    body = struct.pack(f"{order}H", len(tags))
    for tag, value in tags:
        body += struct.pack(f"{order}HHII", tag, 4, 1, start if tag == 273 else value)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    path.write_bytes(head + body + bytes(4) + array.tobytes())


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(1, "<u2"), (1, ">u2"), (2, "<i1"), (2, "<i2"), (2, ">i2"), (1, "<u4"), (2, "<i4"), (2, ">i4"), (3, "<f4")],
)
def test_the_values_of_a_tiff_keep_their_sign_and_their_width(
    root: Path, kind: int, dtype: str, orientation: int
) -> None:
    stored = np.frombuffer(RNG.bytes(54 * np.dtype(dtype).itemsize), dtype).reshape(6, 9)
    stored = RNG.normal(size=(6, 9)).astype(dtype) if kind == 3 else stored
    upright = np.rot90(stored, 3) if orientation == 6 else stored
    tiff(root / "images" / "a.tif", stored, kind, orientation)
    tiff(root / "masks" / "a.tif", values(6, 9), 1, orientation)
    case, _ = only(root)
    assert np.array_equal(case.image[0].double(), upright.astype(np.float64))


@pytest.mark.parametrize("dtype", ["<u1", "<u2"])
def test_an_image_that_stores_white_as_zero_is_turned_so_that_white_is_the_highest_value(
    root: Path, dtype: str
) -> None:
    stored = np.frombuffer(RNG.bytes(54 * np.dtype(dtype).itemsize), dtype).reshape(6, 9)
    tiff(root / "images" / "a.tif", stored, 1, white_is_zero=True)
    mask = values(6, 9)
    tiff(root / "masks" / "a.tif", mask.astype("<u2"), 1, white_is_zero=True)
    case, _ = only(root)
    assert np.array_equal(case.image[0].double(), np.iinfo(dtype).max - stored.astype(np.float64))
    assert np.array_equal(case.mask, mask)  # the numbers of labels stand for themselves


def npz(root: Path, image: dict[str, np.ndarray], mask: dict[str, np.ndarray]) -> None:
    np.savez(root / "images" / "a.npz", **image)
    np.savez(root / "masks" / "a.npz", **mask)


def test_one_npz_file_may_hold_image_and_mask_and_stand_in_both_folders(root: Path) -> None:
    both = {"image": values(6, 9), "mask": values(6, 9)}
    npz(root, both, both)
    case, _ = only(root)
    assert np.array_equal(case.image[0], both["image"])
    assert np.array_equal(case.mask, both["mask"])


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4", bool, np.int64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npz_file_is_read_in_every_type_and_order(root: Path, kind: str, order: str) -> None:
    image, mask = np.asarray(RNG.normal(size=(6, 9)), kind, order=order), np.asarray(values(6, 9), order=order)
    npz(root, {"image": image}, {"mask": mask})
    case, _ = only(root)
    assert np.array_equal(case.image[0].double(), image.astype(np.float64))
    assert np.array_equal(case.mask, mask)


@pytest.mark.parametrize("colours", [(6, 9, 3), (3, 6, 9)])
def test_a_mask_that_was_read_as_colours_is_a_mask_beside_colours_and_is_said(
    root: Path, colours: tuple[int, ...]
) -> None:
    image, mask = values(*colours, high=200), values(6, 9)
    axis = colours.index(3)
    npz(root, {"image": image}, {"mask": np.stack([mask] * 3, axis)})
    case, dataset = only(root)
    assert np.array_equal(case.image, np.moveaxis(image, axis, 0))
    assert np.array_equal(case.mask, mask)
    assert "read as colours and not as slices" in dataset.remarks[0]


def test_a_volume_of_three_equal_slices_is_one_if_it_says_its_spacing(root: Path) -> None:
    spacing = np.array([3.0, 1.0, 1.0])
    npz(root, {"image": values(3, 6, 9), "spacing": spacing}, {"mask": np.zeros((3, 6, 9)), "spacing": spacing})
    assert only(root)[0].image.shape == (1, 3, 6, 9)


def test_a_mask_with_a_last_axis_of_one_fits_an_image_with_channels(root: Path) -> None:
    image, mask = values(6, 9, 4), values(6, 9, 1)
    npz(root, {"image": image}, {"mask": mask})
    assert np.array_equal(only(root)[0].mask, mask[..., 0])


@pytest.mark.parametrize("axis", [0, -1])
def test_a_layer_for_each_label_is_not_read_as_a_volume(root: Path, axis: int) -> None:
    mask = values(6, 9)
    npz(root, {"image": np.stack([mask, mask], axis)}, {"mask": np.stack([1 - mask, mask], axis)})
    with pytest.raises(CaseError, match="a layer for each label: store one integer"):
        only(root)


def test_spacings_that_contradict_each_other_leave_the_case_out(root: Path) -> None:
    npz(
        root,
        {"image": values(6, 6), "spacing": np.array([2.0, 3.0])},
        {"mask": values(6, 6), "spacing": np.array([3.0, 2.0])},
    )
    with pytest.raises(CaseError, match="the spacing 2 × 3, the mask 3 × 2"):
        only(root)


def test_an_array_of_objects_is_left_out_and_runs_no_code(root: Path) -> None:
    npz(root, {"image": np.array([[1, None]], dtype=object)}, {"mask": values(1, 2)})
    with pytest.raises(CaseError, match="allow_pickle=False"):
        only(root)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "I;16", "RGB"])
def test_a_mask_is_the_same_in_every_form_of_a_png(root: Path, mode: str) -> None:
    mask = values(6, 9)
    picture = Image.fromarray(mask)
    if mode == "1":
        picture = Image.fromarray(mask.astype(bool))
    elif mode == "P":
        picture.putpalette(bytes([0, 0, 0, 255, 0, 0]))
    elif mode == "I;16":
        picture = Image.fromarray(mask.astype(np.uint16))
    else:
        picture = picture.convert(mode)
    picture.save(root / "masks" / "a.png")
    Image.fromarray(values(6, 9, high=200)).save(root / "images" / "a.png")
    assert np.array_equal(only(root)[0].mask, mask)


@pytest.mark.parametrize(
    ("suffix", "line", "millimetres"),
    [
        (".nrrd", b'space units: "um" "um" "um"', 1e-3),
        (".nrrd", b'space units: "Microns" "Microns" "Microns"', 1e-3),
        (".nrrd", b'space units: "mm" "mm" "mm"', 1.0),
        (".nrrd", b'space units: "" "" ""', 1.0),
        (".mha", b"DistanceUnits = cm", 10.0),
        (".mha", b"DistanceUnits = ?", 1.0),
    ],
)
def test_a_nrrd_or_metaimage_header_with_another_unit_of_length_is_brought_to_millimetres(
    root: Path, suffix: str, line: bytes, millimetres: float
) -> None:
    for folder in ("images", "masks"):
        with_line(root / folder / f"a{suffix}", line)
    case, _ = only(root)
    assert case.spacing == pytest.approx([500 * millimetres, 700 * millimetres, 900 * millimetres])


@pytest.mark.parametrize("line", [b'space units: "inch" "inch" "inch"', b'space units: "um" "um" "mm"'])
def test_a_unit_that_is_no_length_or_not_that_of_all_axes_leaves_the_case_out(root: Path, line: bytes) -> None:
    for folder in ("images", "masks"):
        with_line(root / folder / "a.nrrd", line)
    with pytest.raises(CaseError, match="write one unit for all axes"):
        only(root)


def with_line(path: Path, line: bytes) -> None:
    """Write a volume with a further line in its header."""
    image = SimpleITK.GetImageFromArray(values(4, 5, 6))
    image.SetSpacing((500, 700, 900))
    SimpleITK.WriteImage(image, str(path))
    content = path.read_bytes()
    head, following, rest = content.partition(b"\n\n" if path.suffix == ".nrrd" else b"\nElementDataFile")
    path.write_bytes(head + b"\n" + line + following + rest)
