"""Writes a file so that it is either complete or missing, never half written."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from robustq.errors import RequestError, StorageError
from robustq.storage.remote_path import RemotePath
from robustq.storage.run_path import RunPath

_WRONG_PATH = (
    *(errno.EACCES, errno.EPERM, errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL),
)
"""What the system answers where the path itself cannot be written. All other answers mean that the disk stopped us."""


@contextmanager
def whole_file(target: RunPath) -> Iterator[Path]:
    """Give a temporary path to write to, and rename the written file to the target when the context ends.

    A process that is killed before the end, or a computer that loses its power, leaves the old target, or no target.
    The folder is made if it is missing. If writing fails, nothing is left under the temporary path.

    A target in an object store gets the written file in one put.

    Raises:
        RequestError: this path cannot be written.
        StorageError: the disk is full, can only be read, or is gone; or the store refuses, or the run directory was
            taken over by another process.
    """
    if isinstance(target, RemotePath):
        with TemporaryDirectory(prefix="robustq-") as folder:
            local = Path(folder) / target.name
            with whole_file(local) as partial:
                yield partial
            target.write_bytes(local.read_bytes())
        return
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _to_disk(partial)
        os.replace(partial, target)
        _to_disk(target.parent)
    except Exception as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        cause = _system_error(error)
        if cause is None:
            raise
        raise in_words(target, cause) from error


def _to_disk(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk and not only in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _system_error(error: BaseException) -> OSError | None:
    """The error of the system behind an error; None if there is none.

    Libraries that write through a file object raise errors of their own while they handle it.
    """
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, OSError):
        seen = seen.__cause__ or seen.__context__
    return seen


def in_words(target: Path, error: OSError) -> RequestError | StorageError:
    """What a user reads where the system refuses to write a file or a folder."""
    reason = error.strerror or str(error)
    if error.errno in _WRONG_PATH:
        return RequestError(f"cannot write {target}: {reason}")
    free = ""
    with suppress(OSError):
        free = f", {shutil.disk_usage(target.parent).free / 2**20:.0f} MB are free"
    return StorageError(
        f"cannot write {target} ({reason}{free}): free space there or make it writable again, then give the same "
        "command again; what was written before is kept"
    )
