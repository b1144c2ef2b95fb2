"""Stops a command on Ctrl-C and SIGTERM: during a run, after the piece in hand; a second signal stops at once."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """The system asked this process to end, by SIGTERM."""


_ERRORS: dict[int, type[BaseException]] = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}

_asked: list[int] = []
"""The signal that asked for a stop after the piece in hand, or nothing."""


def stop_on_signals() -> None:
    """Let SIGINT and SIGTERM end the command at once, with an exception."""
    for number in _ERRORS:
        signal.signal(number, _at_once)


@contextmanager
def after_the_piece_in_hand() -> Iterator[None]:
    """Within this context, the first signal is kept until `stop_if_asked`; the second ends the command at once."""
    earlier = {number: signal.signal(number, _later) for number in _ERRORS}
    try:
        yield
    finally:
        _asked.clear()
        for number, handler in earlier.items():
            signal.signal(number, handler)


def stop_if_asked() -> None:
    """End the command if a signal was kept. What is computed is written when this is called."""
    if _asked:
        raise _ERRORS[_asked[0]]


def _at_once(number: int, frame: FrameType | None) -> None:
    raise _ERRORS[number]


def _later(number: int, frame: FrameType | None) -> None:
    if _asked:
        raise _ERRORS[number]
    _asked.append(number)
    sys.stderr.write("robustq: stopping after the piece in hand; once more (Ctrl-C) stops at once\n")
