"""Reads and writes whole objects of a store that fsspec knows, such as `s3://` or `gs://`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from robustq.errors import RequestError, StorageError
from robustq.requirements import pip_line

_LIBRARIES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
"""For the beginning of a URL, the library through which fsspec reaches the store."""


class ObjectStore:
    """The objects of one store, each named by its URL, such as `s3://bucket/run/run.json`.

    A store has no folders and no renaming. It needs none: a put is atomic, so a reader sees the whole old object or the
    whole new one, and a process that is killed while it writes leaves the old one.

    Args:
        url: any URL of the store; the part before `://` chooses the library.

    Attributes:
        guard: called before a file of a run directory is written or deleted; raises if this process may no longer do
            so. Whoever holds a lease sets it.

    Raises:
        RequestError: a library that reaches this store is not installed, or fsspec knows no such store.
    """

    def __init__(self, url: str) -> None:
        self._files = _file_system(url)
        self.guard: Callable[[], None] = unguarded

    def read(self, url: str) -> bytes:
        """The contents of an object.

        Raises:
            FileNotFoundError: there is no such object.
            StorageError: the store cannot be reached, or refuses.
        """
        with _in_words("read", url):
            content: bytes = self._files.cat_file(url)
        return content

    def write(self, url: str, content: bytes) -> None:
        """Put an object in the place of the old one, if there is one.

        Raises:
            RequestError: there is no such bucket.
            StorageError: the store cannot be reached, or refuses.
        """
        try:
            with _in_words("write", url):
                self._files.pipe_file(url, content)
        except FileNotFoundError as error:
            raise RequestError(f"cannot write {url} ({error}): create the bucket, or give another --out") from error

    def create(self, url: str, content: bytes) -> None:
        """Put an object unless there is one.

        Of two processes that do this at the same time the first one succeeds, where the store can be asked for that
        (S3, Google Cloud Storage). In other stores the later put wins, so the caller reads the object back.

        Raises:
            RequestError: there is no such bucket.
            StorageError: the store cannot be reached, or refuses.
        """
        if self.version(url) is not None:
            return
        try:
            self._files.pipe_file(url, content, mode="create")
        except FileExistsError:
            return
        except Exception:  # this store, or this version of its library, cannot be asked so
            if self.version(url) is None:
                self.write(url, content)

    def version(self, url: str) -> str | None:
        """A text that differs after the object was written again; None if there is no such object.

        Raises:
            StorageError: the store cannot be reached, or refuses.
        """
        try:
            with _in_words("read", url):
                about = self._files.info(url)
        except FileNotFoundError:
            return None
        return None if about["type"] == "directory" else str(about)

    def names(self, url: str) -> list[str]:
        """The names of what stands directly below a URL, sorted.

        Raises:
            StorageError: the store cannot be reached, or refuses.
        """
        try:
            with _in_words("read", url):
                entries: list[str] = self._files.ls(url, detail=False)
        except FileNotFoundError:
            return []
        paths = {entry.rstrip("/") for entry in entries} - {self._files._strip_protocol(url)}
        return sorted(path.rpartition("/")[2] for path in paths)

    def delete(self, url: str) -> None:
        """Delete an object.

        Raises:
            FileNotFoundError: there is no such object; some stores say nothing.
            StorageError: the store cannot be reached, or refuses.
        """
        with _in_words("delete", url):
            self._files.rm_file(url)


def unguarded() -> None:
    """The guard of a store whose run directory nobody holds: everybody may write."""


def _file_system(url: str) -> Any:
    """What fsspec gives for a URL. It remembers no listings, because other processes write too."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise RequestError(f"{url} needs fsspec: {pip_line('fsspec')}") from error
    begin = url.partition("://")[0]
    try:
        files, _ = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        needed = f"pip install {_LIBRARIES[begin]}" if begin in _LIBRARIES else str(error)
        raise RequestError(f"{url} needs a library that is not installed: {needed}") from error
    except ValueError as error:
        raise RequestError(f"{url} is in no store that fsspec knows ({error}): give s3:// or gs://") from error
    return files


@contextmanager
def _in_words(doing: str, url: str) -> Iterator[None]:
    """Turn every error of a store but `FileNotFoundError` into a sentence.

    Each library has errors of its own: of the connection, of credentials, of the store.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StorageError(
            f"cannot {doing} {url} ({reason}): make the store reachable, with the rights that this needs, then give "
            "the same command again; what was written before is kept"
        ) from error
