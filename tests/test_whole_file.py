"""Files are complete or missing, and a disk that stops us is told apart from a wrong path."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from robustq.errors import RequestError, StorageError
from robustq.whole_file import whole_file


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to make a file larger than this, as a full disk does."""
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, earlier[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "rows.bin"
    target.write_bytes(b"old")

    def write() -> None:
        with whole_file(target) as partial:
            partial.write_bytes(bytes(100_000))

    with _files_of_at_most(1000), pytest.raises(StorageError, match=r"cannot write .*rows\.bin .*MB are free"):
        write()

    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["rows.bin"]


def test_a_device_without_space_is_told_by_its_reason(tmp_path: Path) -> None:
    (tmp_path / ".file.partial").symlink_to("/dev/full")

    with pytest.raises(StorageError, match="No space left on device"), whole_file(tmp_path / "file") as partial:
        partial.write_text("x")


def test_the_system_error_behind_an_error_of_a_library_is_found(tmp_path: Path) -> None:
    # torch raises an error of its own while the file's error is handled.
    def save() -> None:
        with whole_file(tmp_path / "state.pt") as partial, partial.open("wb", buffering=0) as file:
            torch.save({"weights": torch.zeros(100_000)}, file)

    with _files_of_at_most(1000), pytest.raises(StorageError, match="File too large"):
        save()


def test_a_path_that_cannot_be_written_is_a_wrong_request(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(RequestError, match=r"cannot write .*File exists"),
        whole_file(tmp_path / "file" / "inside") as partial,
    ):
        partial.write_text("x")


def test_an_error_that_has_nothing_to_do_with_the_disk_passes_unchanged(tmp_path: Path) -> None:
    def fail() -> None:
        with whole_file(tmp_path / "file") as partial:
            partial.write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert os.listdir(tmp_path) == []
