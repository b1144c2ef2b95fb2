"""What is done where memory is too small: a smaller batch, or the refusal of a case."""

from collections.abc import Callable
from typing import TypeVar

import torch

from robustq.errors import CaseError

Result = TypeVar("Result")

TOO_LARGE = "it does not fit in memory, even with a batch of one"
"""Reason of a case that cannot be computed for want of memory."""

_REFUSED = ("can't allocate memory", "not enough memory", "std::bad_alloc")
"""What the text of a RuntimeError of torch says where the system refuses memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that the memory of a device, or of this machine, is too small."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _REFUSED)


def with_smaller_batches(compute: Callable[[int], Result], batch_size: int) -> tuple[Result, int]:
    """The result of a computation, and the largest of `batch_size`, half of it, a quarter, ... that fits in memory.

    Args:
        compute: computes with a batch size; called again from its beginning with a smaller one.
        batch_size: the size that is tried first.

    Raises:
        CaseError: a batch of one does not fit.
    """
    while True:
        try:
            return compute(batch_size), batch_size
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Here the error is gone, and with it the tensors that its traceback held.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if batch_size == 1:
            raise CaseError(TOO_LARGE)
        batch_size //= 2
