"""Lets one process at a time write into a run directory."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from robustq.errors import RequestError
from robustq.whole_file import whole_file

LOCK = ".lock"
WRITER = ".writer.json"


@contextmanager
def one_writer(directory: Path) -> Iterator[None]:
    """Hold the directory's lock within this context. The lock dies with its process, however that ends.

    Args:
        directory: a directory that exists.

    Raises:
        RequestError: another process holds the lock; the message names it.
        StorageError: the disk is full, can only be read, or is gone.
    """
    lock = FileLock(directory / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RequestError(
            f"{_writer(directory)} writes into {directory}: wait until it ends or stop it, or give another --out"
        ) from error
    try:
        with whole_file(directory / WRITER) as partial:
            began = f"{datetime.now():%Y-%m-%d %H:%M}"
            partial.write_text(json.dumps({"process": os.getpid(), "host": socket.gethostname(), "began": began}))
        yield
    finally:
        with suppress(OSError):
            (directory / WRITER).unlink(missing_ok=True)
        lock.release()


def _writer(directory: Path) -> str:
    """The process that holds the lock, in words."""
    try:
        writer = json.loads((directory / WRITER).read_text())
        return f"process {writer['process']} on {writer['host']}, which began at {writer['began']},"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
