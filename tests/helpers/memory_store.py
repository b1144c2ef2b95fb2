"""An object store that forgets."""

from collections.abc import Iterator
from contextlib import contextmanager

from fsspec.implementations.memory import MemoryFileSystem


@contextmanager
def in_memory() -> Iterator[None]:
    """An object store in the memory of this process, `memory://`, which is empty before and after."""
    _forget()
    try:
        yield
    finally:
        _forget()


def _forget() -> None:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
