"""Damaged files in every format: each is a case or is refused in a sentence, quickly and in little memory."""

import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from robustq.dataset import Case
from robustq.errors import CaseError
from robustq_data.folder import FolderDataset

SECONDS, GIGABYTES = 10, 2


def _picture(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values.astype(np.uint8)).save(path)


def _nifti(path: Path, values: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0])), path)


def _itk(path: Path, values: np.ndarray) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(path), useCompression=True)


def _npz(path: Path, values: np.ndarray) -> None:
    np.savez_compressed(path, image=values)


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    **dict.fromkeys((".png", ".tif", ".jpg"), _picture),
    **dict.fromkeys((".nii", ".nii.gz"), _nifti),
    **dict.fromkeys((".nrrd", ".mha"), _itk),
    ".npz": _npz,
}


def _damaged(whole: bytes, others: list[bytes], generator: np.random.Generator) -> Iterator[bytes]:
    """Files that stand where a good one should: empty, cut, overwritten, of another kind, and with flipped bytes."""
    yield b""
    yield bytes(len(whole))
    yield from others
    yield whole + whole
    for share in np.linspace(0.01, 0.99, 12):
        yield whole[: int(len(whole) * share)]
    for place in generator.integers(min(len(whole), 400), size=24):
        flipped = bytearray(whole)
        flipped[place] ^= int(generator.integers(1, 256))
        yield bytes(flipped)


class _TooSlowError(Exception):
    """A file took too long."""


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise _TooSlowError


def _peak() -> int:
    """The largest memory that this process has had, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("role", ["image", "mask"])
@pytest.mark.parametrize("suffix", WRITERS)
def test_damaged_files_are_refused_in_a_sentence_or_read(tmp_path: Path, suffix: str, role: str) -> None:
    generator = np.random.default_rng([len(suffix), len(role)])
    dims = 2 if suffix in (".png", ".tif", ".jpg") else 3
    values = generator.integers(0, 2, size=(9, 8, 7)[:dims]).astype(np.float32)
    good = tmp_path / f"good{suffix}"
    WRITERS[suffix](good, values)
    others = []
    for other, write in WRITERS.items():
        if other != suffix and (other in (".png", ".tif", ".jpg")) == (dims == 2):
            write(tmp_path / f"other{other}", values)
            others.append((tmp_path / f"other{other}").read_bytes())
    folders = {"image": tmp_path / "data" / "images", "mask": tmp_path / "data" / "masks"}
    for folder in folders.values():
        folder.mkdir(parents=True)
    corpus = list(_damaged(good.read_bytes(), others, generator))
    for number, content in enumerate(corpus):
        for name, folder in folders.items():
            (folder / f"{number:03d}{suffix}").write_bytes(content if name == role else good.read_bytes())
    dataset = FolderDataset(tmp_path / "data")

    signal.signal(signal.SIGALRM, _too_slow)
    earlier_peak = _peak()
    reasons = []
    for entry in dataset.entries:
        signal.alarm(SECONDS)
        try:
            assert isinstance(dataset.read(entry), Case)
        except CaseError as error:
            reasons.append(str(error))
        finally:
            signal.alarm(0)

    assert len(dataset.entries) == len(corpus)
    assert len(reasons) > len(corpus) / 4  # most of them are beyond repair
    assert all(reasons)
    assert _peak() - earlier_peak < GIGABYTES * 2**20
