"""The executor `processes:N`."""

import contextlib
import multiprocessing
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from robustq.errors import RequestError, StorageError
from robustq.executor import AbstractExecutor, Batch, Result
from robustq_processes.worker import compute_batches


def cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Worker:
    """A worker process, and the number of the batch that it computes."""

    process: BaseProcess
    connection: Connection
    number: int | None = field(default=None)

    def send(self, content: bytes) -> None:
        """Send bytes; a worker that has died is found when its answer is awaited."""
        with contextlib.suppress(OSError):
            self.connection.send_bytes(content)

    def end(self) -> None:
        """End the process at once."""
        self.connection.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


class Processes(AbstractExecutor):
    """Compute batches on several processes of this machine: `processes:4`, or one for each core without a number.

    Models and data are handed to each process once. Each gets an equal share of the cores as threads, unless
    OMP_NUM_THREADS is set. The batch of a process that dies, for example because the system ended it for want of
    memory, is begun once more by a new process.

    Args:
        number: number of processes.
    """

    def __init__(self, number: int | None = None) -> None:
        self.number = number or cores()

    @classmethod
    def parse(cls, setting: str) -> "Processes":
        """The executor with a number of processes.

        Raises:
            RequestError: the setting is not a number of processes.
        """
        if not setting:
            return cls()
        if not (setting.isascii() and setting.isdigit() and 0 < int(setting) <= 1024):
            raise RequestError(f"processes:{setting} was asked: give a number of processes from 1, as in processes:4")
        return cls(int(setting))

    def results(self, work: Callable[[Batch], Result], batches: Mapping[int, Batch]) -> Iterator[tuple[int, Result]]:
        """The result of each batch with its number, as they come.

        Raises:
            RequestError: the work cannot be handed to another process.
            StorageError: two processes in turn died while they computed the same batch.
        """
        if not batches:
            return
        content = _pickled(work)
        waiting = deque(batches)
        retried: set[int] = set()
        workers = [self._start() for _ in range(min(self.number, len(batches)))]
        try:
            for worker in workers:
                worker.send(content)
                _begin(worker, waiting, batches)
            while any(worker.number is not None for worker in workers):
                ready = wait([worker.connection for worker in workers if worker.number is not None])
                for worker in [worker for worker in workers if worker.connection in ready]:
                    number = worker.number
                    assert number is not None, "only workers with a batch are awaited"
                    try:
                        result, error = pickle.loads(worker.connection.recv_bytes())
                    except (EOFError, OSError):
                        self._check_death(worker, number, retried)
                        worker.end()
                        workers[workers.index(worker)] = replacement = self._start()
                        replacement.send(content)
                        waiting.appendleft(number)
                        _begin(replacement, waiting, batches)
                        continue
                    if error is not None:
                        raise error
                    # The next batch is begun first, so that the worker computes while the result is written.
                    _begin(worker, waiting, batches)
                    yield number, result
        finally:
            for worker in workers:
                worker.end()

    def _start(self) -> _Worker:
        # A forked process would share threads and devices that it cannot use, so a new one is started.
        context = multiprocessing.get_context("spawn")
        own_end, other_end = context.Pipe()
        threads = max(1, cores() // self.number)
        process = context.Process(target=compute_batches, args=(other_end, threads), daemon=True)
        process.start()
        other_end.close()
        return _Worker(process, own_end)

    def _check_death(self, worker: _Worker, number: int, retried: set[int]) -> None:
        """Note that the batch is tried again.

        Raises:
            StorageError: it was tried again before.
        """
        worker.process.join()
        if number in retried:
            raise StorageError(
                f"two worker processes in turn ended while they computed batch {number} (exit status "
                f"{worker.process.exitcode}), which often means that memory was too small: give the same command again "
                "with fewer processes, as in --executor processes:1, and it continues. In a script, call robustq under "
                "if __name__ == '__main__'"
            )
        retried.add(number)


def _begin(worker: _Worker, waiting: deque[int], batches: Mapping[int, Any]) -> None:
    """Give the worker the next batch, if there is one."""
    worker.number = waiting.popleft() if waiting else None
    if worker.number is not None:
        worker.send(pickle.dumps(batches[worker.number]))


def _pickled(work: Callable[..., object]) -> bytes:
    try:
        return pickle.dumps(work, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise RequestError(
            f"the models or the data cannot be handed to another process ({error}): leave out --executor, or define "
            "their classes in a module that can be imported"
        ) from error
