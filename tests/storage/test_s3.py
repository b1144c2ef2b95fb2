"""Run directories on S3, which a server of moto's on this machine plays."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

import robustq
from analyses import model
from commands import robustq as command
from robustq.errors import RequestError, StorageError
from robustq.one_writer import one_writer
from robustq.storage import lease
from robustq.storage.lease import Lease
from robustq.storage.object_store import ObjectStore
from robustq.storage.remote_path import RemotePath
from robustq.storage.run_path import run_path

s3fs = pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore"),  # of libraries that only this test uses
]

URL = "s3://bucket/a folder/run [1]"


@pytest.fixture(autouse=True)
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A store with one empty bucket."""
    import boto3

    threaded = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    threaded.start()
    host, port = threaded.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # each server has its own address
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()  # all servers share one memory
    boto3.client("s3").create_bucket(Bucket="bucket")
    yield ObjectStore("s3://bucket/run")
    threaded.stop()


def stress(out: Path | str) -> robustq.Run:
    return robustq.stress({"m": model()}, "phantom:cases=2", levels=[10, 30], draws=2, batch_size=2, out=out)


def folder() -> RemotePath:
    path = run_path(URL)
    assert isinstance(path, RemotePath)
    return path


def test_a_run_on_s3_has_the_files_and_rows_of_a_local_one(tmp_path: Path) -> None:
    local, remote = stress(tmp_path / "run"), stress(URL)
    assert (folder() / "results.parquet").read_bytes() == (tmp_path / "run" / "results.parquet").read_bytes()
    assert {file.name for file in folder().iterdir()} == {file.name for file in (tmp_path / "run").iterdir()}
    assert {**robustq.Run(URL).summary(), "run": ""} == {**local.summary(), "run": ""}
    assert stress(URL).to_frame().equals(remote.to_frame())
    assert command("show", URL, cwd=tmp_path).stdout == command("show", "run", cwd=tmp_path).stdout


def test_an_object_is_created_once(s3: ObjectStore) -> None:
    s3.create("s3://bucket/a", b"1")
    s3.create("s3://bucket/a", b"2")
    assert s3.read("s3://bucket/a") == b"1"
    first = s3.version("s3://bucket/a")
    s3.write("s3://bucket/a", b"3")
    assert s3.version("s3://bucket/a") != first


def test_names_are_those_of_the_store_and_not_patterns(s3: ObjectStore) -> None:
    for name in ("run [1]/a", "run 1/b", "run/c"):
        s3.write(f"s3://bucket/{name}", b"")
    assert s3.names("s3://bucket") == ["run", "run 1", "run [1]"]
    assert s3.names("s3://bucket/run [1]") == ["a"]
    s3.delete("s3://bucket/run [1]/a")
    assert s3.names("s3://bucket/run [1]") == []
    assert s3.names("s3://bucket/run 1") == ["b"]


def test_a_lease_holds_a_second_writer_up_until_it_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEWAL", 0.2), ("LOOK", 0.1), ("VOID", 2.0)):
        monkeypatch.setattr(lease, name, seconds)
    with one_writer(folder()), pytest.raises(RequestError, match=re.escape(f"writes to {URL}")):
        Lease(folder()).acquire()
    dead = Lease(folder())
    dead.acquire()
    with one_writer(folder()), pytest.raises(StorageError, match="has taken"):
        dead.check()


def test_a_bucket_that_does_not_exist_and_a_store_that_is_away_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("stress", "--data", "phantom:cases=2", "--levels", "0", "--out")
    nowhere = command(*words, "s3://none/run", cwd=tmp_path)
    assert (nowhere.returncode, "create the bucket" in nowhere.stderr) == (2, True)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    away = command(*words, URL, cwd=tmp_path)
    assert (away.returncode, "make the store reachable" in away.stderr) == (6, True)
    for done in (nowhere, away):
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
