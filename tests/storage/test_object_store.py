"""Whole objects of a store: put, put unless there is one, read, listed, deleted; and what a user reads if not."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from memory_store import in_memory
from robustq.errors import RequestError, StorageError
from robustq.storage.object_store import ObjectStore

RUN = "memory://bucket/run"


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with in_memory():
        yield ObjectStore(RUN)


def test_an_object_is_read_as_it_was_put_and_its_version_changes_with_it(store: ObjectStore) -> None:
    assert store.version(f"{RUN}/a") is None
    store.write(f"{RUN}/a", b"1")
    first = store.version(f"{RUN}/a")
    assert store.read(f"{RUN}/a") == b"1"
    assert store.version(f"{RUN}/a") == first
    store.write(f"{RUN}/a", b"2")
    assert store.read(f"{RUN}/a") == b"2"
    assert store.version(f"{RUN}/a") != first


def test_the_names_below_a_path_are_those_of_objects_and_of_folders(store: ObjectStore) -> None:
    for name in ("b", "a", "rows/1", "rows/2"):
        store.write(f"{RUN}/{name}", b"")
    assert store.names(RUN) == ["a", "b", "rows"]
    assert store.names(f"{RUN}/rows") == ["1", "2"]
    assert store.names(f"{RUN}/a") == store.names(f"{RUN}/none") == []
    assert store.version(f"{RUN}/rows") is None


def test_what_is_missing_is_neither_read_nor_deleted(store: ObjectStore) -> None:
    for ask in (store.read, store.delete):
        with pytest.raises(FileNotFoundError):
            ask(f"{RUN}/none")


@pytest.mark.parametrize("knows", [True, False])
def test_an_object_is_created_once(store: ObjectStore, knows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the library of the store does not know the request."""
    if not knows:
        plain = type(store._files).pipe_file

        def pipe_file(files: Any, path: str, value: bytes) -> None:
            plain(files, path, value)

        monkeypatch.setattr(type(store._files), "pipe_file", pipe_file)
    store.create(f"{RUN}/a", b"1")
    store.create(f"{RUN}/a", b"2")
    assert store.read(f"{RUN}/a") == b"1"


@pytest.mark.parametrize(
    ("method", "ask", "doing"),
    [
        ("cat_file", lambda store: store.read(f"{RUN}/a"), "read"),
        ("pipe_file", lambda store: store.write(f"{RUN}/a", b""), "write"),
        ("pipe_file", lambda store: store.create(f"{RUN}/a", b""), "write"),
        ("info", lambda store: store.version(f"{RUN}/a"), "read"),
        ("ls", lambda store: store.names(f"{RUN}/a"), "read"),
        ("rm_file", lambda store: store.delete(f"{RUN}/a"), "delete"),
    ],
)
def test_a_store_that_cannot_be_reached_is_said_in_one_sentence(
    store: ObjectStore, method: str, ask: Any, doing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each library has errors of its own, so any error counts."""

    def fail(*words: object, **settings: object) -> None:
        raise RuntimeError("no route\nto host")

    monkeypatch.setattr(type(store._files), method, fail)
    with pytest.raises(StorageError, match=rf"cannot {doing} {RUN}/a \(no route to host\): make the store reachable"):
        ask(store)


def test_a_bucket_that_does_not_exist_is_said(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object, **settings: object) -> None:
        raise FileNotFoundError("no such bucket")

    monkeypatch.setattr(type(store._files), "pipe_file", fail)
    with pytest.raises(RequestError, match=r"cannot write memory://bucket/run/a \(no such bucket\): create the bucket"):
        store.create(f"{RUN}/a", b"")


def test_a_kind_of_store_that_nobody_knows_is_refused() -> None:
    with pytest.raises(RequestError, match=r"nostore://x/run is in no store that fsspec knows .*: give s3:// or gs://"):
        ObjectStore("nostore://x/run")


def test_a_missing_fsspec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(RequestError, match=r"memory://run needs fsspec: pip install 'robustq\[remote\]'"):
        ObjectStore("memory://run")


@pytest.mark.parametrize(
    ("url", "advice"), [("s3://b/run", "pip install s3fs"), ("gs://b/run", "pip install gcsfs"), ("x://run", "get x")]
)
def test_a_missing_library_of_a_store_is_named(url: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object, **settings: object) -> None:
        raise ImportError("get x")

    monkeypatch.setattr("fsspec.core.url_to_fs", fail)
    with pytest.raises(RequestError, match=f"{url} needs a library that is not installed: {advice}"):
        ObjectStore(url)
