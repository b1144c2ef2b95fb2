"""The executor `ray`."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import ray
import torch
from ray import cloudpickle
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, WorkerCrashedError

from robustq.errors import RequestError, StorageError
from robustq.executor import AbstractExecutor, Batch, Result
from robustq_ray.session import LOCAL, connected
from robustq_ray.worker import Work, compute_batch

RETRIES = 3
"""How often the batch of a worker that died is begun again."""

FEWEST_AHEAD = 64
"""Batches that wait in Ray at least when the number of workers is left to a cluster, so that it can grow."""


class Ray(AbstractExecutor):
    """Compute batches on Ray workers, on this machine or on a cluster: `ray:4` or `ray:address=HOST:PORT`.

    Models and data are handed to Ray once. A worker has one thread, unless OMP_NUM_THREADS is set, and one GPU where
    the models are on a GPU. The batch of a worker that dies is begun again by another one. Without an address, that of
    RAY_ADDRESS is taken, else Ray is started on this machine and ended with the run.

    Args:
        workers: how many batches are computed at the same time; by default one for each core, or as many as the
            cluster has room for.
        address: address of a Ray cluster.
        gpus: GPUs for each worker; 0.5 lets two workers share one.
    """

    def __init__(self, workers: int | None = None, *, address: str | None = None, gpus: float | None = None) -> None:
        self.workers = workers
        self.address = address or os.environ.get("RAY_ADDRESS") or LOCAL
        self.gpus = gpus

    @classmethod
    def parse(cls, setting: str) -> "Ray":
        """The executor with a number of workers and settings, such as `4` or `workers=4,address=HOST:PORT,gpus=0.5`.

        Raises:
            RequestError: the setting is not of this form.
        """
        readers: dict[str, Callable[[str], Any]] = {"workers": _workers, "address": _address, "gpus": _gpus}
        settings: dict[str, Any] = {}
        for entry in filter(None, setting.split(",")):
            key, equals, value = entry.partition("=")
            if not equals:
                key, value = "workers", entry
            if key not in readers or key in settings or not value:
                raise RequestError(
                    f"ray:{setting} was asked: write ray:4, or entries of workers=NUMBER, address=HOST:PORT and "
                    "gpus=NUMBER, separated by commas"
                )
            settings[key] = readers[key](value)
        return cls(**settings)

    def results(self, work: Callable[[Batch], Result], batches: Mapping[int, Batch]) -> Iterator[tuple[int, Result]]:
        """The result of each batch with its number, as they come.

        Raises:
            RequestError: the work cannot be handed to another process, or no cluster answers.
            StorageError: several workers in turn died while they computed the same batch.
        """
        if not batches:
            return
        content = _pickled(work)
        threads = _threads()
        workers = self.workers or max(1, _cores() // threads)
        with connected(
            self.address, cpus=workers * threads, gpus=torch.cuda.device_count(), stored=len(content)
        ) as alone:
            shared = Work(ray.put(content), threads, os.getcwd(), list(sys.path))
            task = ray.remote(compute_batch).options(
                num_cpus=threads, num_gpus=self._gpus(work, workers), max_retries=RETRIES
            )
            waiting = iter(batches)
            running: dict[Any, int] = {}
            try:
                for number in islice(waiting, self._at_once(workers, threads, alone)):
                    running[task.remote(shared, batches[number])] = number
                while running:
                    (ready, *_), _ = ray.wait(list(running))
                    number = running.pop(ready)
                    result, error = _answer(ready, number)
                    if error is not None:
                        raise error
                    # The next batch is begun first, so that the worker computes while the result is written.
                    for following in islice(waiting, 1):
                        running[task.remote(shared, batches[following])] = following
                    yield number, result
            finally:
                for reference in running:
                    ray.cancel(reference, force=True)

    def _at_once(self, workers: int, threads: int, alone: bool) -> int:
        """How many batches Ray is given at the same time."""
        if alone:  # it computes one for each worker; a worker begins the next one without waiting for this process
            return 2 * workers
        if self.workers is not None or self.address == LOCAL:
            return workers
        return max(FEWEST_AHEAD, 2 * int(ray.cluster_resources().get("CPU", 0)) // threads)

    def _gpus(self, work: Callable[..., object], workers: int) -> float:
        """GPUs for each worker.

        Raises:
            RequestError: the models are on another GPU than the first, and a worker sees no other.
        """
        device: torch.device | None = getattr(work, "device", None)
        if device is not None and device.index:
            raise RequestError(
                f"--device {device} was asked, but Ray chooses the GPU of each worker: write --device cuda"
            )
        if self.gpus is not None:
            return self.gpus
        if device is None or device.type != "cuda":
            return 0
        return min(1.0, torch.cuda.device_count() / workers) if self.address == LOCAL else 1


def _answer(reference: Any, number: int) -> tuple[Any, Exception | None]:
    """The pair (result, error) of a batch that has ended.

    Raises:
        StorageError: every worker that computed it died.
    """
    try:
        answer: tuple[Any, Exception | None] = cloudpickle.loads(ray.get(reference))
    except (WorkerCrashedError, OutOfMemoryError, NodeDiedError, ObjectLostError) as error:
        raise StorageError(
            f"{RETRIES + 1} Ray workers in turn ended while they computed batch {number} ({type(error).__name__}), "
            "which often means that memory was too small: give the same command again with fewer workers, as in "
            "--executor ray:1, and it continues"
        ) from error
    return answer


def _pickled(work: Callable[..., object]) -> bytes:
    try:
        content: bytes = cloudpickle.dumps(work)
    except Exception as error:
        raise RequestError(
            f"the models or the data cannot be handed to a Ray worker ({error}): leave out --executor"
        ) from error
    return content


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 65536):
        raise RequestError(f"ray with {text} workers was asked: give a number of workers from 1, as in ray:4")
    return int(text)


def _address(text: str) -> str:
    if text not in ("auto", LOCAL) and not re.fullmatch(r"(ray://)?.+:\d{1,5}", text):
        raise RequestError(
            f"ray with the address {text!r} was asked: write HOST:PORT, or auto for the Ray of this machine"
        )
    return text


def _gpus(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 64 or (number > 1 and number != int(number)):
        raise RequestError(
            f"gpus={text} was asked: give the GPUs of each worker: a part of one as in 0.5, or 0, 1, 2, ..."
        )
    return number


def _threads() -> int:
    """Threads of each worker."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() else 1


def _cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
