"""Lets one process at a time write into a run directory, or train towards a bundle."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from robustq.errors import RequestError
from robustq.whole_file import in_words, whole_file

LOCK, WRITER = ".lock", ".writer.json"
"""Names of the two files in a run directory; beside a file they begin with its name."""


@contextmanager
def one_writer(target: Path) -> Iterator[None]:
    """Hold the lock of a target within this context. The lock dies with its process, however that ends.

    Args:
        target: a run directory that exists, or a file in a folder that exists.

    Raises:
        RequestError: another process holds the lock, and the message names it; or the folder cannot be written.
        StorageError: the disk is full, can only be read, or is gone.
    """
    folder, prefix = (target, "") if target.is_dir() else (target.parent, f".{target.name}")
    lock, writer = FileLock(folder / f"{prefix}{LOCK}", timeout=0), folder / f"{prefix}{WRITER}"
    try:
        lock.acquire()
    except Timeout as error:
        raise RequestError(
            f"{_holder(writer)} writes to {target}: wait until it ends or stop it, or give another --out"
        ) from error
    except OSError as error:
        raise in_words(Path(lock.lock_file), error) from error
    try:
        with whole_file(writer) as partial:
            began = f"{datetime.now():%Y-%m-%d %H:%M}"
            partial.write_text(json.dumps({"process": os.getpid(), "host": socket.gethostname(), "began": began}))
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
        holder = json.loads(writer.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['host']}, which began at {holder['began']},"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
