"""A path in an object store, with the methods of `pathlib.Path` that files of a run directory need."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from robustq.storage.object_store import ObjectStore


@dataclass(frozen=True)
class RemotePath(os.PathLike[str]):
    """A URL such as `s3://bucket/run/run.json`. Methods do what those of `pathlib.Path` do.

    Whatever is made of a path by `/` has the same store, so that a lease on a run directory guards all its files.

    Attributes:
        store: the store.
        url: the URL, without a slash at its end.
    """

    store: ObjectStore
    url: str

    def __truediv__(self, name: str) -> "RemotePath":
        return RemotePath(self.store, f"{self.url}/{name}")

    def __fspath__(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.name.rpartition(".")[0] or self.name

    def is_file(self) -> bool:
        """Whether there is such an object."""
        return self.store.version(self.url) is not None

    def is_dir(self) -> bool:
        """Whether there are objects below this path."""
        return bool(self.store.names(self.url))

    def exists(self) -> bool:
        """Whether there is such an object, or objects below this path."""
        return self.is_file() or self.is_dir()

    def iterdir(self) -> Iterator["RemotePath"]:
        """What stands directly below this path."""
        return (self / name for name in self.store.names(self.url))

    def glob(self, pattern: str) -> Iterator["RemotePath"]:
        """What stands directly below this path and has a name of this pattern."""
        return (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    def rmdir(self) -> None:
        """Do nothing: a store has no folders."""

    def read_bytes(self) -> bytes:
        """The contents."""
        return self.store.read(self.url)

    def read_text(self, encoding: str) -> str:
        """The contents as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Put the contents, if this process may write."""
        self.store.guard()
        self.store.write(self.url, content)

    def unlink(self, *, missing_ok: bool) -> None:
        """Delete the object, if this process may write."""
        self.store.guard()
        try:
            self.store.delete(self.url)
        except FileNotFoundError:
            if not missing_ok:
                raise
