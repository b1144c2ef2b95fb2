"""The processes that share a training, as `accelerate launch` starts them."""

import atexit
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from robustq.errors import MainProcessError, RequestError
from robustq.model.device import choose_device
from robustq.requirements import pip_line

_T = TypeVar("_T")


@dataclass(frozen=True)
class Processes:
    """The processes that share a training. Each one trains a copy of the model on its share of every batch.

    All methods except `share` and `lengths` must be called by all processes, in the same order. With one process they
    give back what they get.

    Attributes:
        rank: number of this process, from 0.
        count: number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes the files and prints."""
        return self.rank == 0

    def lengths(self, length: int) -> list[int]:
        """How many of the items of a batch each process gets: equally many, or the first processes one more."""
        return [(length + self.count - 1 - rank) // self.count for rank in range(self.count)]

    def share(self, length: int) -> slice:
        """Which items of a batch this process gets, in order.

        Where a batch has fewer items than there are processes, a process without one gets the first item as a
        stand-in, because networks do not run on empty batches. `gathered` leaves stand-ins out.
        """
        lengths = self.lengths(length)
        start = sum(lengths[: self.rank])
        return slice(start, start + lengths[self.rank]) if lengths[self.rank] else slice(0, 1)

    def gathered(self, share: Tensor, length: int) -> Tensor:
        """A tensor of the whole batch, from the share of each process.

        Its gradient is the sum of what all processes send back. So if each one computes the loss of the whole batch,
        the mean over processes of a weight's gradient is the gradient of that loss, however uneven the shares are.
        """
        if self.count == 1:
            return share
        whole: Tensor = _Gather.apply(share.to(_sent_as(share.dtype)), self, length)
        return whole.to(share.dtype)

    @torch.no_grad()
    def average(self, tensors: Iterable[Tensor]) -> None:
        """Set each tensor to its mean over the processes."""
        if self.count == 1:
            return
        of_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            of_type.setdefault(tensor.dtype, []).append(tensor)
        for dtype, same_type in of_type.items():
            # In one message, because each one takes its time.
            flat = torch.cat([tensor.flatten() for tensor in same_type]).to(_sent_as(dtype))
            distributed.all_reduce(flat)
            flat /= self.count
            for tensor, mean in zip(same_type, flat.split([tensor.numel() for tensor in same_type]), strict=True):
                tensor.copy_(mean.view(tensor.shape))

    @torch.no_grad()
    def take_from_main(self, tensors: Iterable[Tensor]) -> None:
        """Set each tensor to that of the main process."""
        if self.count == 1:
            return
        for tensor in tensors:
            sent = tensor.to(_sent_as(tensor.dtype)).contiguous()
            distributed.broadcast(sent, 0)
            tensor.copy_(sent)

    def of_all(self, values: Sequence[_T]) -> list[_T]:
        """The values of all processes, process after process."""
        if self.count == 1:
            return list(values)
        lists: list[Any] = [None] * self.count
        distributed.all_gather_object(lists, list(values))
        return [value for some in lists for value in some]

    def from_main(self, compute: Callable[[], _T]) -> _T:
        """What a function gives in the main process. The other processes do not call it.

        Raises:
            MainProcessError: in the other processes, where the function raised an error in the main process.
        """
        if self.count == 1:
            return compute()
        message: list[Any] = [None, True]
        if self.is_main:
            try:
                message = [compute(), False]
            except Exception:
                distributed.broadcast_object_list(message)
                raise
        distributed.broadcast_object_list(message)
        value, failed = message
        if failed:
            raise MainProcessError("the main process has ended the training, and says why")
        answer: _T = value
        return answer


ALONE = Processes()
"""A training in one process."""


def launched(device: str) -> Processes:
    """The processes among which this one was started, connected with each other; one where it was started alone.

    Args:
        device: device of the training, as in `Recipe`.

    Raises:
        RequestError: there are several processes, and the library accelerate is missing.
    """
    if distributed.is_available() and not distributed.is_initialized() and _several_started():
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise RequestError(
                f"several processes were started to share a training: {pip_line('accelerate')}, or start one"
            ) from error
        PartialState(cpu=choose_device(device).type == "cpu")
        atexit.register(distributed.destroy_process_group)
    if not distributed.is_available() or not distributed.is_initialized():
        return ALONE
    return Processes(distributed.get_rank(), distributed.get_world_size())


def _several_started() -> bool:
    """Whether a launcher has started this process with others: torch's, or MPI as accelerate starts it on CPUs."""
    sizes = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
    return "MASTER_ADDR" in os.environ and any(int(os.environ.get(size) or 1) > 1 for size in sizes)


def device_of_process(device: str, processes: Processes) -> torch.device:
    """The device of that name; of several processes on a machine with several GPUs, each gets a GPU of its own."""
    chosen = choose_device(device)
    if processes.count == 1 or chosen.type == "cpu" or chosen.index is not None:
        return chosen
    return torch.device(chosen.type, int(os.environ.get("LOCAL_RANK", processes.rank)))


def _sent_as(dtype: torch.dtype) -> torch.dtype:
    """The type in which values are sent: one that all back ends can send, and that holds them exactly."""
    return {torch.bool: torch.uint8, torch.bfloat16: torch.float32, torch.float16: torch.float32}.get(dtype, dtype)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, share: Tensor, processes: Processes, length: int) -> Tensor:
        context.processes, context.length = processes, length
        lengths = processes.lengths(length)
        padded = share.new_zeros((lengths[0], *share.shape[1:]))
        padded[: len(share)] = share
        parts = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, lengths, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        processes, length = context.processes, context.length
        whole = gradients[0].contiguous().clone()
        distributed.all_reduce(whole)
        own = whole[processes.share(length)]
        stands_in = not processes.lengths(length)[processes.rank]
        return own.zero_() if stands_in else own, None, None
