"""Finds image files below a folder, and files by name."""

import os
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

from robustq.errors import RequestError
from robustq_data.dicom_series import dicom_files
from robustq_data.notes import UNREAD, Notes
from robustq_data.reading import suffix_of, without_suffix

_UNREAD_KINDS = (
    ".bmp", ".gif", ".webp", ".jp2", ".j2k", ".ppm", ".pgm", ".heic", ".avif", ".svs", ".czi",
    ".hdr", ".img", ".img.gz", ".dcm", ".mgz", ".mgh", ".mnc", ".gipl", ".vtk", ".npy", ".mat", ".h5", ".hdf5", ".pt",
)  # fmt: skip
"""Suffixes of images and volumes that are not read."""

BROKEN_LINK = "links to a folder or file that is not there, which were passed over"


def image_files(folder: Path, root: Path, notes: Notes) -> dict[str, Path]:
    """The image files below a folder, by relative path without suffix. Hidden files and other files are left out.

    A folder below it that holds `.dcm` files and no image of another kind is a DICOM series, and counts as one image.
    Links are followed. A link with an image's suffix counts as an image also if its target is not there; reading it
    says so. Other links without a target go into `notes`, and so do images of kinds that are not read, with their path
    below `root`. Names are normalised (NFC), because one system writes ü as
    one character and another as two.

    Raises:
        RequestError: two image files have the same name.
    """
    images: dict[str, Path] = {}
    for path in sorted(_below(folder, ())):
        relative = path.relative_to(folder)
        suffix = suffix_of(path)
        broken = path.is_symlink() and not path.exists()
        series = path.is_dir()
        if not suffix and not series:
            if broken:
                notes.add(BROKEN_LINK, path.relative_to(root).as_posix())
            elif path.name.lower().endswith(_UNREAD_KINDS):
                notes.add(UNREAD, path.relative_to(root).as_posix())
            continue
        if not (path.is_file() or broken or series):
            continue
        name = same_spelling(relative.as_posix() if series else without_suffix(relative))
        if name in images:
            raise RequestError(f"{images[name]} and {path} have the same name: keep one of them")
        images[name] = path
    return images


def first_names(folder: Path) -> str:
    """Some names of what a folder holds, for a message."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    return f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}" if names else "nothing"


def same_spelling(name: str) -> str:
    """A name in the one spelling (NFC) in which names are compared."""
    return normalize("NFC", name)


def find(root: Path, name: str) -> Path:
    """The file below a folder with this relative path in any Unicode spelling; `root / name` if there is none."""
    place = root
    for part in Path(name).parts:
        spelt = place / part
        if not os.path.lexists(spelt) and place.is_dir():
            alike = (child for child in sorted(place.iterdir()) if same_spelling(child.name) == same_spelling(part))
            spelt = next(alike, spelt)
        place = spelt
    return place


def _below(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """Every file and DICOM series below a folder and its linked folders, but not the files of a series.

    A link that leads back to a folder above is not followed.
    """
    real = folder.resolve()
    if real in above:
        return
    if above and _is_series(folder):
        yield folder
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _below(path, (*above, real))
        else:
            yield path


def _is_series(folder: Path) -> bool:
    """Whether a folder holds DICOM files, and no image of another kind nor a folder."""
    slices = dicom_files(folder)
    return bool(slices) and not any(path.is_dir() or suffix_of(path) for path in folder.iterdir())
