"""What a Ray worker does: it unpacks the work once, then computes one batch for each task."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle


@dataclass(frozen=True)
class Work:
    """What the workers of a run share.

    Attributes:
        content: the pickled function that computes a batch, put into the object store once. It stands in a field, so
            that Ray hands over the reference and a worker that has unpacked it already does not fetch it again.
        threads: threads for torch.
        folder: working directory of the run, against which relative paths are read.
        path: where the process of the run finds its modules.
    """

    content: Any
    threads: int
    folder: str
    path: Sequence[str]


_unpacked: dict[str, Callable[[Any], Any]] = {}
"""The function of the run that this worker computes for, by the reference of its content."""


def compute_batch(work: Work, batch: Any) -> bytes:
    """The pickled pair (result, error) of a batch; one of the two is None."""
    try:
        return _pickled((_unpack(work)(batch), None))
    except Exception as error:
        try:
            answer = _pickled((None, error))
            cloudpickle.loads(answer)
        except Exception:  # an error that cannot be pickled
            return _pickled((None, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _unpack(work: Work) -> Callable[[Any], Any]:
    name = work.content.hex()
    if name not in _unpacked:
        import torch

        torch.set_num_threads(work.threads)
        if os.path.isdir(work.folder):  # false where a cluster does not share the folders of the run
            os.chdir(work.folder)
        sys.path.extend(entry for entry in work.path if entry not in sys.path)
        _unpacked.clear()
        _unpacked[name] = cloudpickle.loads(ray.get(work.content))
    return _unpacked[name]


def _pickled(answer: tuple[Any, Exception | None]) -> bytes:
    content: bytes = cloudpickle.dumps(answer)
    return content
