"""Damaged files in every format: each is a case or is refused in a sentence, quickly and in little memory."""

import gzip
import re
import resource
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from robustq.dataset import Case
from robustq.errors import CaseError
from robustq_data import deflated
from robustq_data.folder import FolderDataset
from robustq_data.itk_file import read_itk

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


@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
def test_damaged_compressed_values_of_a_metaimage_are_never_taken_for_the_image(tmp_path: Path, suffix: str) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(9, 8, 7)).astype(np.float32)
    whole = tmp_path / f"whole{suffix}"
    _itk(whole, values)
    stream = whole if suffix == ".mha" else whole.with_suffix(".zraw")
    content = stream.read_bytes()
    start = content.find(b"LOCAL\n") + len(b"LOCAL\n") if suffix == ".mha" else 0
    assert np.array_equal(read_itk(whole, suffix).values[0], values.transpose())

    for place in generator.integers(start, len(content), size=40):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(generator.integers(8))
        stream.write_bytes(bytes(flipped))
        # A bit may say nothing, such as the level of zlib in its header: then the image is whole.
        with suppress(CaseError):
            assert np.array_equal(read_itk(whole, suffix).values[0], values.transpose())


def test_compressed_values_after_bytes_that_the_header_skips_are_read(tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 100, size=(9, 8, 7)).astype(np.int16)
    header = tmp_path / "a.mhd"
    _itk(header, values)
    stream = tmp_path / "a.zraw"
    stream.write_bytes(bytes(10) + stream.read_bytes())
    header.write_text(header.read_text().replace("DimSize", "HeaderSize = 10\nDimSize"))
    assert np.array_equal(read_itk(header, ".mhd").values[0], values.transpose())


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress])
def test_a_stream_that_ends_with_the_checksum_of_its_values_is_not_decompressed_twice(
    tmp_path: Path, compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(3).integers(0, 100, size=(9, 8, 7)).astype(np.int16)
    _itk(tmp_path / "a.mhd", values)
    (tmp_path / "a.zraw").write_bytes(compress(values.tobytes()))
    monkeypatch.setattr(deflated, "_check_stream", lambda *_: pytest.fail("it was decompressed again"))
    assert np.array_equal(read_itk(tmp_path / "a.mhd", ".mhd").values[0], values.transpose())


@pytest.mark.parametrize(
    ("order", "stored", "rest"), [("False", "<i2", b"more bytes"), ("True", ">i2", b"")], ids=["followed", "big-endian"]
)
def test_a_whole_stream_whose_end_is_no_checksum_of_what_was_read_is_read(
    tmp_path: Path, order: str, stored: str, rest: bytes
) -> None:
    values = np.random.default_rng(4).integers(0, 100, size=(9, 8, 7)).astype(np.int16)
    header, stream = tmp_path / "a.mhd", zlib.compress(values.astype(stored).tobytes())
    _itk(header, values)
    (tmp_path / "a.zraw").write_bytes(stream + rest)
    text = header.read_text().replace("ByteOrderMSB = False", f"ByteOrderMSB = {order}")
    header.write_text(re.sub(r"(?<=CompressedDataSize = )\d+", str(len(stream)), text))
    assert np.array_equal(read_itk(header, ".mhd").values[0], values.transpose())


def test_a_stream_of_which_the_header_names_a_part_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mhd"
    _itk(path, np.random.default_rng(4).integers(0, 100, size=(9, 8, 7)).astype(np.int16))
    path.write_text(re.sub(r"(?<=CompressedDataSize = )\d+", "100", path.read_text()))
    _itk(tmp_path / "other.mhd", np.zeros((9, 8, 7), np.int16))  # the memory no longer holds the image
    with pytest.raises(CaseError, match="were not read as a whole"):
        read_itk(path, ".mhd")


@pytest.mark.parametrize("promised", ["7 8 8", "7 8 10"])
def test_compressed_values_of_another_size_than_the_header_promises_are_refused(tmp_path: Path, promised: str) -> None:
    path = tmp_path / "a.mha"
    _itk(path, np.zeros((9, 8, 7), dtype=np.int16))
    path.write_bytes(path.read_bytes().replace(b"DimSize = 7 8 9", f"DimSize = {promised}".encode()))
    with pytest.raises(CaseError, match="its header promises"):
        read_itk(path, ".mha")


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int32", "int64", "uint64", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_compressed_metaimage_of_every_type_is_read(tmp_path: Path, kind: str, channels: int) -> None:
    values = np.random.default_rng(1).integers(0, 100, size=(9, 8, 7, channels)).astype(kind)
    image = (
        SimpleITK.GetImageFromArray(values, isVector=True)
        if channels > 1
        else SimpleITK.GetImageFromArray(values[..., 0])
    )
    SimpleITK.WriteImage(image, str(tmp_path / "a.mha"), useCompression=True)
    assert np.array_equal(read_itk(tmp_path / "a.mha", ".mha").values, values.transpose())
