"""Copies the cases of a raw download into an ordinary folder, which every command reads."""

import csv
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from robustq.data.case_files import write_image, write_mask
from robustq.data.open_dataset import open_dataset
from robustq.dataset import Entry
from robustq.errors import CaseError, RequestError
from robustq.one_writer import one_writer
from robustq.raw_dataset import AbstractRawDataset
from robustq.whole_file import whole_file

TABLE, MANIFEST = "cases.csv", "manifest.json"
"""The table that `--data` takes, and the checksums of all files."""

FORMAT = 1
"""The number of the manifest's form."""


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did.

    Attributes:
        table: the table of the cases, for `--data`.
        written: ids of the cases that were written now.
        kept: ids of the cases that an earlier call wrote, and whose files are unchanged.
        failures: id and reason of the cases that cannot be used.
        remarks: what is worth saying about the download.
        wrap: the command that wraps a network with the paper's preparation.
    """

    table: Path
    written: Sequence[str]
    kept: Sequence[str]
    failures: Mapping[str, str]
    remarks: Sequence[str]
    wrap: str


@dataclass
class _Manifest:
    """What an earlier call wrote, and from which files."""

    dataset: str
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)


def prepare(
    name: str,
    source: Path,
    target: Path,
    on_case: Callable[[int, int], None] = lambda done, total: None,
) -> Prepared:
    """Copy the cases of a raw download into a folder: images, masks, a table, and a manifest with checksums.

    Values, spacings and directions of axes stay as they are; nothing is resampled, because a bundle prepares its cases
    itself. A second call reads again only the cases whose files, here or there, have changed.

    Args:
        name: a dataset that reads a raw download, with its settings if need be, such as `jsrt:subset=all`.
        source: folder of the download.
        target: folder to write.
        on_case: called after each case with the number of cases done and of all.

    Raises:
        RequestError: the name is no such dataset, the download is not there, or the target holds something else.
        StorageError: the disk is full, can only be read, or is gone.
    """
    kind, _, settings = name.partition(":")
    dataset = open_dataset(f"{kind}:{source}{',' if settings else ''}{settings}")
    if not isinstance(dataset, AbstractRawDataset):
        raise RequestError(f"{kind} is no raw download, so there is nothing to prepare: give it to --data as it is")
    if source.resolve() == target.resolve():
        raise RequestError(f"--from and --to are both {target}: give --to a folder of its own")
    if not (target / MANIFEST).is_file() and target.is_dir() and any(target.iterdir()):
        raise RequestError(f"{target} is not empty and holds no {MANIFEST}: give --to an empty folder")
    target.mkdir(parents=True, exist_ok=True)
    with one_writer(target):
        manifest = _read(target, name)
        written: list[str] = []
        kept: list[str] = []
        failures: dict[str, str] = {}
        for number, entry in enumerate(dataset.entries, start=1):
            try:
                made_from = _digest(dataset.sources(entry))
                if _is_whole(target, manifest.cases.get(entry.id), made_from):
                    kept.append(entry.id)
                else:
                    manifest.cases[entry.id] = {"from": made_from, "files": _write(dataset, entry, target)}
                    _save(target, manifest)
                    written.append(entry.id)
            except CaseError as error:
                manifest.cases.pop(entry.id, None)
                failures[entry.id] = str(error)
            on_case(number, len(dataset.entries))
        usable = [entry for entry in dataset.entries if entry.id not in failures]
        manifest.cases = {entry.id: manifest.cases[entry.id] for entry in usable}
        _save(target, manifest)
        _write_table(target, usable, manifest)
    return Prepared(target / TABLE, written, kept, failures, dataset.remarks, _wrap_line(dataset))


def _read(target: Path, name: str) -> _Manifest:
    """The manifest of an earlier call; an empty one if there is none.

    Raises:
        RequestError: it is broken, or of another dataset.
    """
    if not (target / MANIFEST).is_file():
        return _Manifest(name)
    try:
        stored = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        manifest = _Manifest(stored["dataset"], dict(stored["cases"]))
        form = stored["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{target / MANIFEST} cannot be read: give --to an empty folder") from error
    if (manifest.dataset, form) != (name, FORMAT):
        raise RequestError(f"{target} holds the dataset {manifest.dataset}, not {name}: give --to another folder")
    return manifest


def _save(target: Path, manifest: _Manifest) -> None:
    document = {"format": FORMAT, "dataset": manifest.dataset, "cases": manifest.cases}
    with whole_file(target / MANIFEST) as partial:
        partial.write_text(json.dumps(document, indent=1, sort_keys=True), encoding="utf-8")


def _is_whole(target: Path, case: Mapping[str, Any] | None, made_from: str) -> bool:
    """Whether the files of a case are what an earlier call wrote from the same raw files."""
    if case is None or case["from"] != made_from:
        return False
    files = {target / name: checksum for name, checksum in case["files"].items()}
    return all(path.is_file() and _digest([path]) == checksum for path, checksum in files.items())


def _digest(paths: Sequence[Path]) -> str:
    """A hash of the bytes of files, in their order."""
    digest = sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _write(dataset: AbstractRawDataset, entry: Entry, target: Path) -> dict[str, str]:
    """Write image and mask of a case. The names of the two files, image first, and their checksums."""
    case = dataset.read(entry)
    folder = target / entry.domain if entry.domain else target
    image = write_image(case, folder / "images" / entry.id)
    mask = write_mask(case, folder / "masks" / entry.id)
    return {path.relative_to(target).as_posix(): _digest([path]) for path in (image, mask)}


def _write_table(target: Path, entries: Sequence[Entry], manifest: _Manifest) -> None:
    with whole_file(target / TABLE) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(("image", "label", "domain", "split", "group"))
        for entry in entries:
            image, mask = sorted(manifest.cases[entry.id]["files"], key=lambda name: "masks" in Path(name).parts)
            lines.writerow((image, mask, entry.domain, entry.split, entry.group))


def _wrap_line(dataset: AbstractRawDataset) -> str:
    labels = ",".join(f"{value}={name}" for value, name in (dataset.labels or {}).items())
    return shlex.join(["robustq", "wrap", "--arch", "unet", *dataset.wrap_options, "--labels", labels])
