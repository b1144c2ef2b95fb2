"""What the path of a run directory means."""

from io import BytesIO
from pathlib import Path

import pytest

from memory_store import in_memory
from robustq.errors import RequestError
from robustq.storage.remote_path import RemotePath
from robustq.storage.run_path import for_each, readable, run_path, version


@pytest.mark.parametrize("text", ["runs/first", "/tmp/run", "run:1", "C:/runs", "."])
def test_a_text_without_a_store_is_a_folder(text: str) -> None:
    assert run_path(text) == Path(text)
    assert run_path(Path(text)) == Path(text)


def test_a_url_of_this_machine_is_a_folder() -> None:
    assert run_path("file:///tmp/run") == Path("/tmp/run")


def test_a_url_is_a_path_in_a_store_and_stays_one() -> None:
    path = run_path("memory://bucket/run/")
    assert isinstance(path, RemotePath)
    assert str(path / "rows" / "1.parquet") == "memory://bucket/run/rows/1.parquet"
    assert ((path / "rows" / "1.parquet").name, (path / "rows" / "1.parquet").stem) == ("1.parquet", "1")
    assert run_path(path) is path


@pytest.mark.parametrize("text", ["s3://", "memory://", "memory:///"])
def test_a_url_without_a_path_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="names no run directory: add one, as in"):
        run_path(text)


def test_a_path_in_a_store_answers_as_a_folder_does(tmp_path: Path) -> None:
    """The same questions to both; pathlib says what is right."""
    with in_memory():
        remote = run_path("memory://bucket/run")
        (tmp_path / "rows").mkdir()
        answers = []
        for root in (tmp_path, remote):
            for name in ("run.json", "rows/1.parquet", "rows/.2.parquet.partial"):
                (root / name).write_bytes(name.encode())
            paths = [root, root / "run.json", root / "rows", root / "none"]
            answers.append(
                [
                    [(path.exists(), path.is_file(), path.is_dir()) for path in paths],
                    sorted(path.name for path in root.iterdir()),
                    sorted(path.stem for path in (root / "rows").glob("*.parquet")),
                    sorted(path.name for path in (root / "rows").glob(".*.partial")),
                    (root / "run.json").read_text(encoding="utf-8"),
                    version(root / "run.json") == version(root / "run.json"),
                    version(root / "none"),
                    for_each(lambda path: path.read_bytes(), [root / "run.json", root / "rows" / "1.parquet"]),
                ]
            )
            (root / "run.json").unlink(missing_ok=False)
            (root / "run.json").unlink(missing_ok=True)
            with pytest.raises(FileNotFoundError):
                (root / "run.json").unlink(missing_ok=False)
        assert answers[0] == answers[1]


def test_a_library_reads_a_file_by_its_path_and_an_object_by_its_contents(tmp_path: Path) -> None:
    assert readable(tmp_path) == tmp_path
    with in_memory():
        path = run_path("memory://bucket/a")
        assert isinstance(path, RemotePath)
        path.write_bytes(b"1")
        contents = readable(path)
        assert isinstance(contents, BytesIO)
        assert contents.read() == b"1"
