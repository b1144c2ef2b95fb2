"""Lets one process at a time write below a path of an object store, which has no locks."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import sleep
from uuid import uuid4

from robustq.errors import RequestError, StorageError
from robustq.storage.holder import holder_in_words, refusal, this_process
from robustq.storage.object_store import unguarded
from robustq.storage.remote_path import RemotePath

LEASE = ".lease.json"
"""Name of the object in a run directory."""

RENEWAL = 20.0
"""Seconds after which a holder renews its lease."""

VOID = 60.0
"""Seconds without renewal after which a lease is void: its holder has died, or cannot reach the store."""

LOOK = 2.0
"""Seconds between two looks of a newcomer."""


@contextmanager
def leased(folder: RemotePath) -> Iterator[None]:
    """Hold the lease on a run directory within this context, and renew it from a thread.

    Before each file is written, the holder reads the lease back, and stops if another process has taken it over.

    Raises:
        RequestError: another process holds the lease; the message names it.
        StorageError: the store cannot be reached, or refuses.
    """
    lease = Lease(folder)
    lease.acquire()
    ended = Event()
    thread = Thread(target=_renew, args=(lease, ended), daemon=True)
    thread.start()
    folder.store.guard = lease.check
    try:
        yield
    finally:
        folder.store.guard = unguarded
        ended.set()
        thread.join()
        with suppress(StorageError):  # a lease that stays is void after a while
            lease.release()


def _renew(lease: "Lease", ended: Event) -> None:
    while not ended.wait(RENEWAL):
        with suppress(StorageError, RequestError):  # the next file that is written meets the same error, and says it
            lease.renew()


class Lease:
    """An object that names its holder by a random token, with a number that grows at each renewal.

    A newcomer takes a lease over after it has seen it unchanged for `VOID` seconds. It counts its own looks and reads
    no clock, so a clock that jumps makes no lease void.

    Args:
        folder: the run directory.
    """

    def __init__(self, folder: RemotePath) -> None:
        self._folder = folder
        self._store, self._url = folder.store, (folder / LEASE).url
        self._token, self._renewals = uuid4().hex, 0
        self._process = this_process()

    def acquire(self) -> None:
        """Take the lease, if need be after a wait of `VOID` seconds.

        Raises:
            RequestError: another process holds it.
            StorageError: the store cannot be reached, or refuses.
        """
        while True:
            self._store.create(self._url, self._content())
            seen = self._read()
            if self._is_own(seen):
                return
            if seen is not None and self._is_void(seen):
                with suppress(FileNotFoundError):
                    self._store.delete(self._url)

    def _is_void(self, seen: bytes) -> bool:
        """Whether the lease stays as it was seen; False if it was given back.

        Raises:
            RequestError: it is renewed, or another newcomer has taken it.
        """
        # A warning of `logging` reaches stderr by itself, and a program that uses the library can turn it off.
        logging.getLogger(__name__).warning(
            "%s was writing to %s: waiting up to %.0f s to see whether it still does",
            holder_in_words(seen).rstrip(","),
            self._folder,
            VOID,
        )
        for _ in range(round(VOID / LOOK)):
            sleep(LOOK)
            now = self._read()
            if now is None:
                return False
            if now != seen:
                raise RequestError(refusal(holder_in_words(now), self._folder))
        return True

    def renew(self) -> None:
        """Write the lease with the next number, if it is still held.

        Raises:
            StorageError: the store cannot be reached, or refuses.
        """
        if self._is_own(self._read()):
            self._renewals += 1
            self._store.write(self._url, self._content())

    def check(self) -> None:
        """Do nothing while the lease is held.

        Raises:
            StorageError: another process has taken it over, or the store cannot be reached.
        """
        content = self._read()
        if not self._is_own(content):
            taker = "another process" if content is None else holder_in_words(content)
            raise StorageError(
                f"{taker} has taken {self._folder} over, because this one did not renew its lease for {VOID:g} s, so "
                "this one writes no more: give the same command again when the other has ended; what was written "
                "before is kept"
            )

    def release(self) -> None:
        """Give the lease back, if it is still held.

        Raises:
            StorageError: the store cannot be reached, or refuses.
        """
        if self._is_own(self._read()):
            with suppress(FileNotFoundError):
                self._store.delete(self._url)

    def _content(self) -> bytes:
        return json.dumps({"token": self._token, "renewals": self._renewals, **self._process}).encode()

    def _read(self) -> bytes | None:
        try:
            return self._store.read(self._url)
        except FileNotFoundError:
            return None

    def _is_own(self, content: bytes | None) -> bool:
        return content is not None and self._token.encode() in content
