"""What the path of a run directory means: a folder of this machine, or a URL in an object store."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from robustq.errors import RequestError
from robustq.storage.object_store import ObjectStore
from robustq.storage.remote_path import RemotePath

RunPath = Path | RemotePath
"""A run directory, or a file in one."""

REQUESTS = 16
"""Number of requests that a store is sent at the same time."""

_Result = TypeVar("_Result")


def run_path(path: str | os.PathLike[str]) -> RunPath:
    """The path for a text such as `runs/first` or `s3://bucket/run`.

    Raises:
        RequestError: the URL names no path, or the library of its store is not installed.
    """
    if isinstance(path, Path | RemotePath):
        return path
    text = os.fspath(path)
    begin, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    if begin in ("file", "local"):
        return Path(rest)
    if not rest.strip("/"):
        raise RequestError(f"{text} names no run directory: add one, as in {begin}://bucket/run")
    return RemotePath(ObjectStore(text), text.rstrip("/"))


def readable(path: RunPath) -> Path | BytesIO:
    """What a library reads a file from: the path, or the contents of an object."""
    return path if isinstance(path, Path) else BytesIO(path.read_bytes())


def version(path: RunPath) -> object:
    """Something that differs after the file was written again; None if there is no such file."""
    if isinstance(path, RemotePath):
        return path.store.version(path.url)
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_mtime_ns, about.st_ino


def for_each(work: Callable[[RunPath], _Result], paths: Iterable[RunPath]) -> list[_Result]:
    """What a function gives for each path, in their order; objects of a store at the same time, as requests wait."""
    paths = list(paths)
    if not any(isinstance(path, RemotePath) for path in paths):
        return [work(path) for path in paths]
    with ThreadPoolExecutor(REQUESTS) as threads:
        return list(threads.map(work, paths))
