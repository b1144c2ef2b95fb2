"""A lease on a run directory in an object store: held, given back, void, lost."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memory_store import in_memory
from robustq.errors import RequestError, StorageError
from robustq.one_writer import one_writer
from robustq.storage import lease as module
from robustq.storage.lease import LEASE, LOOK, RENEWAL, VOID, Lease
from robustq.storage.remote_path import RemotePath
from robustq.storage.run_path import RunPath, run_path
from robustq.whole_file import whole_file

URL = "memory://bucket/run"


class Time:
    """The time of the world, which passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[Callable[[], object]] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for event in self.events:
            event()

    def every(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something whenever so many seconds have passed."""
        begun, done = self.now, [0]

        def due() -> None:
            if (self.now - begun) // seconds > done[0]:
                done[0] += 1
                do()

        self.events.append(due)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    """An empty store, and a time that needs none."""
    passing = Time()
    monkeypatch.setattr(module, "sleep", passing.sleep)
    with in_memory():
        yield passing


def folder() -> RemotePath:
    """The run directory as a process of its own sees it."""
    path = run_path(URL)
    assert isinstance(path, RemotePath)
    return path


def held() -> Lease:
    lease = Lease(folder())
    lease.acquire()
    return lease


def content() -> bytes:
    return (folder() / LEASE).read_bytes()


def write(path: RunPath, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text)


def test_a_second_writer_is_refused_with_the_name_of_the_first_as_soon_as_that_renews_its_lease(world: Time) -> None:
    world.every(RENEWAL, held().renew)
    process = json.loads(content())["process"]
    with pytest.raises(RequestError, match=f"process {process} on .* writes to {URL}: wait until it ends"):
        Lease(folder()).acquire()
    assert world.now <= RENEWAL + LOOK


def test_the_lease_of_a_dead_process_is_void_after_a_minute(world: Time) -> None:
    dead = held()
    with one_writer(folder()):
        assert VOID <= world.now <= VOID + LOOK
        with pytest.raises(StorageError):
            dead.check()


def test_whoever_waits_for_a_lease_says_for_whom_and_how_long(world: Time, caplog: pytest.LogCaptureFixture) -> None:
    Lease(folder()).acquire()
    assert not caplog.messages
    Lease(folder()).acquire()
    (message,) = caplog.messages
    assert f"process {os.getpid()} on" in message
    assert f"was writing to {URL}: waiting up to 60 s" in message


def test_a_lease_that_is_given_back_is_taken_at_once(world: Time) -> None:
    first = held()
    world.every(3 * LOOK, first.release)
    Lease(folder()).acquire()
    assert world.now == 3 * LOOK


def test_a_writer_that_ends_in_an_error_gives_its_lease_back(world: Time) -> None:
    with pytest.raises(ZeroDivisionError), one_writer(folder()):
        1 / 0  # noqa: B018 - it raises
    assert not folder().exists()
    with one_writer(folder()):
        pass
    assert world.now == 0


def test_a_clock_that_jumps_makes_no_lease_void(world: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = held()
    world.every(RENEWAL, holder.renew)
    for clock in ("time", "monotonic", "perf_counter"):  # a day at each look, forwards and backwards
        monkeypatch.setattr(time, clock, lambda: 86_400 * (-1) ** int(world.now) * world.now)
    with pytest.raises(RequestError):
        Lease(folder()).acquire()
    holder.check()


def test_whoever_lost_the_lease_writes_no_more_and_says_so(world: Time) -> None:
    mine, theirs = folder(), folder()
    with one_writer(mine):
        write(mine / "results", "mine")
        with one_writer(theirs):
            write(theirs / "results", "theirs")
            before = content()
            for change in (lambda: write(mine / "results", "mine"), lambda: (mine / "results").unlink(missing_ok=True)):
                with pytest.raises(
                    StorageError, match=r"process \d+ on .* has taken memory://bucket/run over, because"
                ):
                    change()
            assert (theirs / "results").read_bytes() == b"theirs"
            assert content() == before
    assert world.now >= VOID


def test_a_holder_that_lost_its_lease_neither_renews_nor_deletes_it(world: Time) -> None:
    lost, holder = held(), held()
    before = content()
    lost.renew()
    lost.release()
    assert content() == before
    holder.check()


def test_a_lease_that_somebody_deleted_is_lost(world: Time) -> None:
    lease = held()
    (folder() / LEASE).unlink(missing_ok=False)
    with pytest.raises(StorageError, match="another process has taken"):
        lease.check()


def test_a_thread_renews_the_lease_while_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEWAL", 0.01)
    with in_memory(), one_writer(folder()):
        before = content()
        ends = time.monotonic() + 10
        while content() == before and time.monotonic() < ends:
            time.sleep(0.01)
        assert json.loads(content())["renewals"] > json.loads(before)["renewals"]


def test_a_folder_of_this_machine_has_its_lock_and_no_lease(tmp_path: Path) -> None:
    with one_writer(tmp_path):
        assert {file.name for file in tmp_path.iterdir()} == {".lock", ".writer.json"}
