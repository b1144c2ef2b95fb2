"""Lets one process at a time write into a run directory, or train towards a bundle."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from robustq.errors import RequestError
from robustq.storage.holder import holder_in_words, refusal, this_process
from robustq.storage.lease import leased
from robustq.storage.remote_path import RemotePath
from robustq.storage.run_path import RunPath
from robustq.whole_file import in_words, whole_file

LOCK, WRITER = ".lock", ".writer.json"
"""Names of the two files in a run directory; beside a file they begin with its name."""


@contextmanager
def one_writer(target: RunPath) -> Iterator[None]:
    """Hold the lock of a target within this context. The lock dies with its process, however that ends.

    An object store has no locks, so a run directory there is held by a lease.

    Args:
        target: a run directory that exists, or a file in a folder that exists; or a run directory in an object store.

    Raises:
        RequestError: another process holds the lock, and the message names it; or the folder cannot be written.
        StorageError: the disk is full, can only be read, or is gone.
    """
    if isinstance(target, RemotePath):
        with leased(target):
            yield
        return
    folder, prefix = (target, "") if target.is_dir() else (target.parent, f".{target.name}")
    lock, writer = FileLock(folder / f"{prefix}{LOCK}", timeout=0), folder / f"{prefix}{WRITER}"
    try:
        lock.acquire()
    except Timeout as error:
        raise RequestError(refusal(_holder(writer), target)) from error
    except OSError as error:
        raise in_words(Path(lock.lock_file), error) from error
    try:
        with whole_file(writer) as partial:
            partial.write_text(json.dumps(this_process()))
        yield
    finally:
        with suppress(OSError):
            writer.unlink(missing_ok=True)
            # While the lock is still held: whoever makes the file again holds a lock of its own.
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _holder(writer: Path) -> str:
    """The process that holds the lock, in words."""
    try:
        return holder_in_words(writer.read_bytes())
    except OSError:
        return "another process"
