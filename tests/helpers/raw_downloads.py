"""Writes small downloads of the paper's data, in the folders and formats of their owners."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK
from PIL import Image

from dicom_files import volume, write_series

CT = np.array([[-0.8, 0, 0, 11], [0, 0.8, 0, -7], [0, 0, 3, 3], [0, 0, 0, 1]])
"""Left, anterior, superior, as the scans of BTCV."""

SHAPE = (16, 15, 14)


def organs() -> np.ndarray:
    """A mask with a slab for each of the 13 organs, along the last axis."""
    mask = np.zeros(SHAPE, np.uint8)
    for value in range(1, 14):
        mask[4:12, 3:9, value] = value
    return mask


def btcv(root: Path, images: str = "img", masks: str = "label") -> Path:
    """Two scans of the challenge."""
    for number in (1, 2):
        values = np.random.default_rng(number).integers(-1000, 1500, SHAPE).astype(np.int16)
        for folder, name, array in ((images, "img", values), (masks, "label", organs())):
            path = root / "Training" / folder / f"{name}{number:04}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, CT), path)
    return root


def zones(like: SimpleITK.Image) -> SimpleITK.Image:
    """A mask with two zones on the grid of an image."""
    values = np.zeros(like.GetSize()[::-1], np.uint8)
    values[1:3, 1:4, 1:3], values[1:3, 1:4, 3:5] = 1, 2
    mask = SimpleITK.GetImageFromArray(values)
    mask.CopyInformation(like)
    return mask


def prostate(root: Path) -> Path:
    """A patient of each hospital as the archive's program stores it, and one of whom only the files say the name."""
    for seed, (patient, folder, mask) in enumerate(
        (
            ("ProstateDx-01-0001", "PROSTATE-DIAGNOSIS/ProstateDx-01-0001/1.3/1.4", "Training/ProstateDx-01-0001"),
            ("Prostate3T-01-0002", "Prostate-3T/Prostate3T-01-0002/1.5/1.6", "Training/Prostate3T-01-0002_truth"),
            ("Prostate3T-03-0003", "1.7.8", "Leaderboard/Prostate3T-03-0003"),
        )
    ):
        image = volume(seed=seed)
        write_series(root / "images" / folder, image, uid=f"1.2.{seed + 1}", patient=patient)
        path = root / "labels" / f"{mask}.nrrd"
        path.parent.mkdir(parents=True, exist_ok=True)
        SimpleITK.WriteImage(zones(image), str(path))
    return root


def picture(path: Path, values: np.ndarray) -> None:
    """Write a picture in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def nih(root: Path) -> Path:
    """Three images of two patients, one of them stored with three equal channels."""
    lungs = np.zeros((8, 8), np.uint8)
    lungs[2:5, 1:7] = 255
    for seed, name in enumerate(("00000013_006", "00000013_007", "00000211_000")):
        grey = np.random.default_rng(seed).integers(0, 255, (8, 8), dtype=np.uint8)
        picture(root / "data" / "NIH" / "images" / f"{name}.png", np.stack([grey] * 3, axis=-1) if seed == 1 else grey)
        picture(root / "data" / "NIH" / "masks" / f"{name}_mask.png", lungs)
    picture(root / "data" / "Augmentation" / "x_mask.png", lungs)
    return root


def jsrt_values(seed: int) -> np.ndarray:
    """The values of a raw image: 2048×2048, 12 bits."""
    return np.random.default_rng(seed).integers(0, 4096, (2048, 2048), dtype=np.uint16)


def jsrt(root: Path) -> Path:
    """A raw image with a nodule and one without, and the masks of SCR in its two folds."""
    for seed, (name, fold) in enumerate((("JPCLN001", "fold1"), ("JPCNN001", "fold2"))):
        path = root / "All247images" / f"{name}.IMG"
        path.parent.mkdir(parents=True, exist_ok=True)
        jsrt_values(seed).astype(">u2").tofile(path)
        for lung, columns in (("left lung", slice(600, 900)), ("right lung", slice(100, 400))):
            mask = np.zeros((1024, 1024), np.uint8)
            mask[200:801, columns] = 255
            picture(root / "scratch" / fold / "masks" / lung / f"{name}.gif", mask)
        picture(root / "scratch" / fold / "masks" / "heart" / f"{name}.gif", mask)
    return root


DOWNLOADS: dict[str, Callable[[Path], Path]] = {
    "btcv": btcv,
    "nci-isbi-2013": prostate,
    "nih-xlsor": nih,
    "jsrt": jsrt,
}
"""Name of the dataset -> what writes its download."""
