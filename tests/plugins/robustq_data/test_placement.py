"""Where an image and its mask lie: compared with a look-up in the world, and with what nibabel and SimpleITK do."""

import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from nibabel.orientations import aff2axcodes, axcodes2ornt, io_orientation, ornt_transform
from PIL import Image

from image_folder import only as only
from image_folder import root as root
from robustq.data.grid import Grid
from robustq.errors import CaseError

RNG = np.random.default_rng(0)
SHAPE = (6, 7, 5)
STRAIGHT = np.array([[0.7, 0, 0, 11], [0, 0.8, 0, -7], [0, 0, 2.5, 3], [0, 0, 0, 1]])
TURN_45 = nibabel.affines.from_matvec(nibabel.eulerangles.euler2mat(z=np.pi / 4, x=0.2), [3, 4, 5]) @ np.diag(
    [1, 1.2, 3, 1]
)
ARRAY_ORDER = "matched by the order of their arrays"


def values(*shape: int, high: int = 4) -> np.ndarray:
    return RNG.integers(0, high, shape).astype(np.uint8)


def nifti(
    path: Path, array: np.ndarray, sform: np.ndarray | None = None, qform: np.ndarray | None = None
) -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(array, None)
    image.header.set_qform(qform, int(qform is not None))
    image.header.set_sform(sform, int(sform is not None))
    nibabel.save(image, path)
    return image


def itk(path: Path, image: SimpleITK.Image) -> None:
    SimpleITK.WriteImage(image, str(path))


def in_the_world(mask: np.ndarray, affine: np.ndarray, shape: tuple[int, ...], to: np.ndarray) -> np.ndarray:
    """The mask at the position of every voxel of another grid, by the nearest voxel."""
    indices = np.indices(shape).reshape(3, -1)
    positions = to @ np.vstack([indices, np.ones(indices.shape[1])])
    nearest = np.rint(np.linalg.solve(affine, positions)[:3]).astype(int)
    return mask[tuple(nearest)].reshape(shape)


@pytest.mark.parametrize("affine", [STRAIGHT, TURN_45], ids=["straight", "at 45 degrees"])
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL", "IRP"])
def test_a_mask_of_the_same_grid_is_turned_through_every_order_and_flip(
    root: Path, affine: np.ndarray, codes: str
) -> None:
    mask = nibabel.Nifti1Image(values(*SHAPE), affine)
    turn = ornt_transform(axcodes2ornt(aff2axcodes(affine)), axcodes2ornt(codes))
    stored = mask.as_reoriented(turn)
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), affine)
    nibabel.save(stored, root / "masks" / "a.nii.gz")
    case, dataset = only(root)
    assert np.array_equal(case.mask, mask.get_fdata())
    assert np.array_equal(case.mask, in_the_world(np.asarray(stored.dataobj), stored.affine, SHAPE, affine))
    assert case.spacing == pytest.approx(tuple(np.linalg.norm(affine[:3, :3], axis=0)), rel=1e-5)
    assert list(dataset.remarks) == []


def test_equal_grids_at_45_degrees_are_left_alone_although_their_axes_are_named_differently(root: Path) -> None:
    mask = values(*SHAPE)
    below, above = (
        nibabel.affines.from_matvec(nibabel.eulerangles.euler2mat(z=np.pi / 4 + tilt)) for tilt in (-1e-3, 1e-3)
    )
    assert aff2axcodes(below) != aff2axcodes(above)
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), below)
    nifti(root / "masks" / "a.nii.gz", mask, above)
    assert np.array_equal(only(root)[0].mask, mask)


@pytest.mark.parametrize("seed", range(6))
def test_orientations_are_named_as_nibabel_names_them(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for lean in (0.0, 0.3, 1.0):
        axes, _ = np.linalg.qr(np.eye(3)[generator.permutation(3)] + lean * generator.normal(size=(3, 3)))
        sheared = axes + 0.1 * generator.normal(size=(3, 3))
        for directions in (axes, sheared):
            affine = np.eye(4)
            affine[:3, :3] = directions * generator.uniform(0.5, 3, 3)
            assert Grid(affine).orientation == "".join(nibabel.aff2axcodes(affine))


def test_a_qform_alone_is_read(root: Path) -> None:
    mask = values(*SHAPE)
    affine = np.diag([-0.7, 0.8, 2.5, 1])
    affine[0, 3] = 11 + 5 * 0.7
    affine[1:3, 3] = STRAIGHT[1:3, 3]
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), qform=STRAIGHT)
    nifti(root / "masks" / "a.nii.gz", mask, qform=affine)
    case, _ = only(root)
    assert np.array_equal(case.mask, mask[::-1])
    assert case.spacing == (0.7, 0.8, 2.5)


def test_the_spacing_is_the_affines_where_pixdim_says_another(root: Path) -> None:
    for folder in ("images", "masks"):
        image = nifti(root / folder / "a.nii.gz", values(*SHAPE, high=2), STRAIGHT)
        image.header["pixdim"][1:4] = 1
        nibabel.save(image, root / folder / "a.nii.gz")
    case, _ = only(root)
    assert (case.spacing, case.unit) == ((0.7, 0.8, 2.5), "mm")


@pytest.mark.parametrize(("suffix", "mask_suffix"), [(".nrrd", ".nrrd"), (".mha", ".nrrd"), (".mhd", ".mha")])
@pytest.mark.parametrize("codes", ["LPS", "RAI", "PIR", "SRA"])
def test_nrrd_and_metaimage_are_turned_as_simpleitk_turns_them(
    root: Path, suffix: str, mask_suffix: str, codes: str
) -> None:
    truth = SimpleITK.GetImageFromArray(values(*SHAPE))
    truth.SetSpacing((0.7, 0.8, 2.5))
    truth.SetOrigin((4, 5, 6))
    truth.SetDirection(nibabel.eulerangles.euler2mat(z=0.3).ravel())
    itk(root / "images" / f"a{suffix}", truth)
    itk(root / "masks" / f"a{mask_suffix}", SimpleITK.DICOMOrient(truth, codes))
    case, dataset = only(root)
    assert np.array_equal(case.mask, SimpleITK.GetArrayFromImage(truth).transpose())
    assert list(dataset.remarks) == []


@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior"])
def test_the_space_of_an_nrrd_file_is_heeded_beside_a_nifti_file(root: Path, space: str) -> None:
    mask = values(*SHAPE)
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), np.eye(4) * [2, 2, 2, 1])
    sign = -1 if space.startswith("left") else 1
    header = (
        f"NRRD0004\ntype: uchar\ndimension: 3\nspace: {space}\nsizes: 6 7 5\n"
        f"space directions: ({2 * sign},0,0) (0,{2 * sign},0) (0,0,2)\nspace origin: (0,0,0)\nencoding: raw\n\n"
    )
    (root / "masks" / "a.nrrd").write_bytes(header.encode() + mask.tobytes(order="F"))
    assert np.array_equal(only(root)[0].mask, mask)


def test_a_flat_nrrd_mask_is_flipped_to_its_image(root: Path) -> None:
    mask = SimpleITK.GetImageFromArray(values(6, 7))
    mask.SetSpacing((0.5, 2))
    itk(root / "images" / "a.nrrd", mask)
    itk(root / "masks" / "a.nrrd", SimpleITK.Flip(mask, (False, True)))
    assert np.array_equal(only(root)[0].mask, SimpleITK.GetArrayFromImage(mask).T)


@pytest.mark.parametrize("axis", range(3))
def test_a_mask_of_one_slice_is_read_in_any_order_of_its_axes(root: Path, axis: int) -> None:
    mask, slope = values(6, 7, 1), np.array([[1, 0, 0, 0], [0, 0, -3, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    nifti(root / "images" / "a.nii.gz", values(6, 7, 1), slope)
    order = [1, 0]
    order.insert(axis, 2)
    moved = slope.copy()
    moved[:, :3] = slope[:, order]
    nifti(root / "masks" / "a.nii.gz", mask.transpose(order), moved)
    case, _ = only(root)
    assert np.array_equal(case.mask, mask[..., 0])
    assert case.spacing == (1, 1)


@pytest.mark.parametrize("which", ["images", "masks"])
@pytest.mark.parametrize("kind", ["identity", "codes 0", "zero"])
def test_a_header_that_states_nothing_is_matched_by_array_order_and_counted_once(
    root: Path, which: str, kind: str
) -> None:
    mask = values(*SHAPE)
    affine = np.diag([-1.5, -1.5, 3, 1])
    for folder, array in (("images", values(*SHAPE)), ("masks", mask)):
        plain = {"identity": np.eye(4), "codes 0": None, "zero": np.diag([0, 0, 0, 1.0])}[kind]
        nifti(root / folder / "a.nii.gz", array, plain if folder == which else affine)
    case, dataset = only(root)
    dataset.read(dataset.entries[0])
    assert np.array_equal(case.mask, mask)
    (remark,) = dataset.remarks
    assert ARRAY_ORDER in remark
    assert remark.endswith(": 1 (a)")


def test_an_nrrd_file_without_directions_is_matched_by_array_order(root: Path) -> None:
    mask = values(*SHAPE)
    header = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 6 7 5\nspacings: 0.7 0.8 2.5\nencoding: raw\n\n"
    (root / "masks" / "a.nrrd").write_bytes(header.encode() + mask.tobytes(order="F"))
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), STRAIGHT)
    case, dataset = only(root)
    assert np.array_equal(case.mask, mask)
    assert ARRAY_ORDER in dataset.remarks[0]


def test_pictures_have_no_header_so_nothing_is_said_of_them(root: Path) -> None:
    for folder in ("images", "masks"):
        Image.fromarray(values(6, 7, high=2)).save(root / folder / "a.png")
    assert list(only(root)[1].remarks) == []


def test_two_grids_that_are_not_one_leave_the_case_out_with_both_affines(root: Path) -> None:
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), STRAIGHT)
    nifti(root / "masks" / "a.nii.gz", values(*SHAPE), np.diag([1.5, 1, 1, 1]))
    with pytest.raises(CaseError, match=r"\[0.7 0 0 11; 0 0.8 0 -7; 0 0 2.5 3\].*\[1.5 0 0 0; 0 1 0 0; 0 0 1 0\]"):
        only(root)


@pytest.mark.parametrize(("shift", "equal"), [(0.09, True), (0.1, True), (0.11, False)])
def test_grids_are_equal_up_to_a_tenth_of_a_voxel(root: Path, shift: float, equal: bool) -> None:
    mask, moved = values(*SHAPE), STRAIGHT.copy()
    moved[2, 3] += shift * 2.5
    nifti(root / "images" / "a.nii.gz", values(*SHAPE), STRAIGHT)
    nifti(root / "masks" / "a.nii.gz", mask, moved)
    if equal:
        assert np.array_equal(only(root)[0].mask, mask)
    else:
        with pytest.raises(CaseError, match="not one grid"):
            only(root)


@pytest.mark.parametrize("which", ["images", "masks"])
def test_a_sform_and_a_qform_that_contradict_each_other_leave_the_case_out(root: Path, which: str) -> None:
    for folder in ("images", "masks"):
        qform = np.diag([-0.7, 0.8, 2.5, 1]) if folder == which else STRAIGHT
        nifti(root / folder / "a.nii.gz", values(*SHAPE), STRAIGHT, qform)
    with pytest.raises(CaseError, match=r"sform \[0.7 0 0 11;.* and qform \[-0.7 0 0 0;"):
        only(root)


def test_a_channel_in_another_array_order_is_turned_too(tmp_path: Path) -> None:
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "a": 1}}')
    channel = nibabel.Nifti1Image(values(*SHAPE), STRAIGHT)
    turned = channel.as_reoriented(ornt_transform(io_orientation(STRAIGHT), axcodes2ornt("PLS")))
    nibabel.save(channel, tmp_path / "imagesTr" / "a_0000.nii.gz")
    nibabel.save(turned, tmp_path / "imagesTr" / "a_0001.nii.gz")
    nifti(tmp_path / "labelsTr" / "a.nii.gz", values(*SHAPE, high=2), STRAIGHT)
    image = only(tmp_path)[0].image
    assert image[0].equal(image[1])


def test_every_one_of_the_48_turns_of_a_cube_is_found(root: Path) -> None:
    mask = values(4, 4, 4)
    nifti(root / "images" / "a.nii.gz", values(4, 4, 4), TURN_45)
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            ornt = np.array([[axis, flip] for axis, flip in zip(order, flips, strict=True)])
            nibabel.save(nibabel.Nifti1Image(mask, TURN_45).as_reoriented(ornt), root / "masks" / "a.nii.gz")
            assert np.array_equal(only(root)[0].mask, mask)
