"""Stops a command on Ctrl-C and SIGTERM: during a run, after the piece in hand; a second signal stops at once."""

import signal
import sys
from types import FrameType, TracebackType
from typing import Any


class Terminated(BaseException):
    """The system asked this process to end, by SIGTERM."""


_ERRORS: dict[int, type[BaseException]] = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


def stop_on_signals() -> None:
    """Let SIGINT and SIGTERM end the command at once, with an exception."""
    for number in _ERRORS:
        signal.signal(number, _at_once)


def _at_once(number: int, frame: FrameType | None) -> None:
    raise _ERRORS[number]


class PieceInHand:
    """A context in which the first signal waits until the piece in hand is written, and a second one does not.

    Before the first piece is begun, a signal ends the command at once.
    """

    def __init__(self) -> None:
        self._asked: int | None = None
        self._begun = False
        self._earlier: dict[int, Any] = {}

    def __enter__(self) -> "PieceInHand":
        """Take over the signals."""
        self._earlier = {number: signal.signal(number, self._keep) for number in _ERRORS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    def written(self) -> None:
        """Say that everything computed is written; ends the command if a signal waits."""
        self._begun = True
        if self._asked is not None:
            raise _ERRORS[self._asked]

    def _keep(self, number: int, frame: FrameType | None) -> None:
        if not self._begun or self._asked is not None:
            raise _ERRORS[number]
        self._asked = number
        sys.stderr.write("robustq: stopping after the piece in hand; once more (Ctrl-C) stops at once\n")
