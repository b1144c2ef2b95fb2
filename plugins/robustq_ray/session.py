"""Connects to a Ray cluster, or starts a quiet Ray on this machine and ends it afterwards."""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator

import ray
from ray._private import worker as ray_worker

from robustq.errors import RequestError

LOCAL = "local"
"""The address that starts Ray on this machine."""

SMALLEST_STORE = 128 * 2**20
"""Bytes of the object store of a Ray that is started here, at least; Ray refuses less than 75 MiB."""

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # sends nothing about this machine to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # prints no note on what a task without GPU will see in later versions
    "RAY_worker_niceness": "0",  # workers get as much of a busy machine as this process; Ray puts them last
    "RAY_worker_register_timeout_seconds": "600",  # on a busy machine the start of Python can take longer than Ray's 60
}


@contextlib.contextmanager
def connected(address: str, *, cpus: int, gpus: int, stored: int) -> Iterator[bool]:
    """A context in which Ray can be used, and whether Ray was started for it alone.

    A connection that the caller has made already is taken and left as it is.

    Args:
        address: address of a cluster, or `LOCAL`.
        cpus: cores that a Ray started here may hand out.
        gpus: GPUs that a Ray started here may hand out.
        stored: bytes that will be put into the object store of a Ray started here.

    Raises:
        RequestError: no cluster answers at this address.
    """
    if ray.is_initialized():
        yield False
        return
    # The paths of Ray's sockets may have 107 characters, so its folder cannot stand in a folder with a long path.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp" if os.path.isdir("/tmp") else None)
    started_here = {
        "num_cpus": cpus,
        "num_gpus": gpus,
        "include_dashboard": False,
        "object_store_memory": SMALLEST_STORE + 2 * stored,
        "_temp_dir": folder,
    }

    def end() -> None:
        ray.shutdown()
        ray_worker._worker_logs_enabled = True
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)  # after Ctrl-C the context may never be left
    try:
        with _handlers_kept(), _environment(_SETTINGS):
            try:
                _check_reachable(address)
                # Ray prints a paragraph on stdout for each worker that dies, whatever log_to_driver says.
                ray_worker._worker_logs_enabled = False
                ray.init(
                    address, log_to_driver=False, logging_level="ERROR", **(started_here if address == LOCAL else {})
                )
            except (OSError, ValueError, RuntimeError) as error:
                raise RequestError(
                    f"no Ray cluster could be used at {address!r} ({error}): start one with ray start --head, "
                    "correct the address, or leave it out"
                ) from error
        yield address == LOCAL
    finally:
        atexit.unregister(end)
        end()


def _check_reachable(address: str) -> None:
    """Ray itself would try for minutes.

    Raises:
        OSError: nobody listens there.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """A context in which Ray may set handlers of signals; afterwards those of the caller are back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _environment(entries: dict[str, str]) -> Iterator[None]:
    """A context in which the environment has these entries, where it does not have them already."""
    added = {name: value for name, value in entries.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
