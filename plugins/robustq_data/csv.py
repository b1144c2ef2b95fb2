"""The dataset `csv`: a table with one case on each line."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import RequestError
from robustq_data.dicom_series import dicom_files
from robustq_data.files import Files, fingerprint, read_case
from robustq_data.image_files import find, same_spelling
from robustq_data.notes import Notes
from robustq_data.reading import without_suffix
from robustq_data.settings import WAY_WITHOUT_MASKS, parse_ignore, parse_labels, parse_switch, parse_window

NEEDED, KNOWN = ("image", "label"), ("image", "label", "domain", "split", "group")
SPLITS = ("", "train", "val", "test")


class CSVDataset(AbstractDataset):
    """A table with one case per line: its image, its mask, and if known its domain, split and group.

    The columns are `image,label[,domain,split,group]`. Paths are relative to the table.

    Args:
        path: path of the table.
        labels: mask values and names, `1=lung|5=heart` as text.
        ignore: mask value that is neither trained on nor scored.
        window: (low, high) of the intensity range, `-160..240` as text.
        outside: "yes" to allow paths that leave the folder of the table: absolute paths, and paths with `..`.
        unmasked: "yes" to allow an empty or missing column `label`, for images without a mask.

    Raises:
        RequestError: the table does not exist, or its columns, files or splits are wrong.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        labels: Mapping[int, str] | str | None = None,
        ignore: int | str | None = None,
        window: Sequence[float] | str | None = None,
        outside: str = "no",
        unmasked: str = "no",
    ) -> None:
        table = Path(path)
        if not table.is_file():
            raise RequestError(f"there is no table {table}: give a CSV file with the columns {','.join(KNOWN)}")
        self.name = table.stem
        self.labels = parse_labels(labels)
        self.ignore = parse_ignore(ignore)
        self.window = parse_window(window)
        self._outside = parse_switch("outside", outside)
        self._needed = NEEDED[:1] if parse_switch("unmasked", unmasked) else NEEDED
        try:
            lines = pd.read_csv(table, dtype=str, keep_default_na=False, skipinitialspace=True)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise RequestError(
                f"{table} cannot be read as a table: {reason}; save it as UTF-8, with commas between the columns"
            ) from error
        missing = [name for name in self._needed if name not in lines]
        wrong = missing + [str(name) for name in lines if name not in KNOWN]
        if wrong:
            way = f"; {WAY_WITHOUT_MASKS}" if wrong == ["label"] else ""
            raise RequestError(
                f"{table} has missing or unknown columns ({', '.join(wrong)}): separate the columns {', '.join(KNOWN)} "
                f"by commas{way}"
            )
        if not isinstance(lines.index, pd.RangeIndex):  # pandas takes the first columns without a name as an index
            raise RequestError(
                f"{table} has more entries on its lines than columns in its header: remove them, or name the columns"
            )
        if lines.empty:
            raise RequestError(f"{table} has no case: write one case on each line below the header")
        self._files: dict[str, Files] = {}
        self._notes = Notes()
        self._entries: list[Entry] = []
        for number, line in enumerate(lines.to_dict("records"), start=2):
            self._add(table, number, {str(key): str(value).strip() for key, value in line.items()})
        self._entries.sort(key=lambda entry: entry.id)

    def _add(self, table: Path, number: int, line: Mapping[str, str]) -> None:
        empty = next((name for name in self._needed if not line[name]), None)
        if empty is not None:
            raise RequestError(f"{table}, line {number}: the column {empty} is empty: give the path of a file")
        given = [line[name] for name in NEEDED if line.get(name)]
        leaving = next((path for path in given if _leaves(path)), None)
        # A table from a stranger must not make files outside its folder part of a run.
        if leaving is not None and not self._outside:
            raise RequestError(
                f"{table}, line {number}: {leaving} lies outside the folder of the table; if you trust the table, give "
                f"csv:{table},outside=yes"
            )
        paths = [find(table.parent, path) for path in given]
        for path in paths:
            if not path.is_file() and not path.is_symlink() and not dicom_files(path):
                advice = "write / between its folders" if "\\" in str(path) else "correct the path"
                raise RequestError(f"{table}, line {number}: there is no file {path}: {advice}")
        if line.get("split", "") not in SPLITS:
            raise RequestError(f"{table}, line {number}: split {line['split']!r} is not train, val or test")
        identity = same_spelling(without_suffix(Path(line["image"])))
        if identity in self._files:
            raise RequestError(f"{table}, line {number}: the case {identity} is listed twice: remove one line")
        self._files[identity] = Files((paths[0],), paths[1] if len(paths) > 1 else None)
        group = line.get("group", "") or identity
        self._entries.append(Entry(identity, group, line.get("domain", ""), line.get("split", "")))

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases, sorted by id."""
        return self._entries

    def read(self, entry: Entry) -> Case:
        """The case as stored."""
        return read_case(entry, self._files[entry.id], self.window, self._notes)

    def fingerprint(self, entry: Entry) -> str:
        """A hash of the image file's bytes."""
        return fingerprint(self._files[entry.id])

    @property
    def remarks(self) -> Sequence[str]:
        """What is worth saying about the cases that were read."""
        return self._notes.sentences


def _leaves(path: str) -> bool:
    """Whether a path of the table is absolute or goes up; links on the disk are not looked at."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute() or ".." in Path(path).parts
