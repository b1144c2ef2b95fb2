"""One process at a time writes into a run directory."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robustq.errors import RequestError, StorageError
from robustq.one_writer import one_writer

HOLDER = """
import sys
from pathlib import Path
from robustq.one_writer import one_writer
with one_writer(Path(sys.argv[1])):
    print("holding", flush=True)
    sys.stdin.read()
"""


def test_the_second_writer_is_refused_with_the_name_of_the_first_until_that_dies(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(RequestError, match=f"process {holder.pid} on .* writes to"), one_writer(tmp_path):
            pass
        holder.kill()
        holder.wait()

    with one_writer(tmp_path):  # the lock of a dead process holds nobody up
        pass


def test_a_writer_that_ends_in_an_error_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), one_writer(tmp_path):
        1 / 0  # noqa: B018 - it raises

    with one_writer(tmp_path):
        pass


def test_the_same_process_is_refused_too_while_it_writes(tmp_path: Path) -> None:
    with one_writer(tmp_path), pytest.raises(RequestError, match="wait until it ends"), one_writer(tmp_path):
        pass


def test_a_folder_without_room_for_the_lock_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(StorageError, match=r"cannot write .*\.lock \(No space left on device"), one_writer(tmp_path):
        pass
