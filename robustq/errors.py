"""The errors that users see: the request is wrong, one case cannot be used, or the disk stopped the work."""

from collections.abc import Iterable
from difflib import get_close_matches


class RequestError(ValueError):
    """The request is wrong, so it is refused.

    The message is one sentence for the user: what was given, what is accepted, what to do next. The command
    line prints it without a traceback and ends with exit status 2.
    """


class CaseError(ValueError):
    """One case cannot be used; the others can.

    The message is the reason in one sentence. A run records it in the columns `status` and `reason`, goes on,
    and ends with exit status 3.
    """


class StorageError(RuntimeError):
    """The disk stopped the work: it is full, can only be read, or is gone.

    The message is one sentence: what could not be written, what to free, and how to go on. What was written before is
    kept. The command line prints the message without a traceback and ends with exit status 6.
    """


class MainProcessError(RuntimeError):
    """The main process of a training has ended with an error, so the other processes end too.

    The main process says what is wrong. The command line prints nothing for the others.
    """


def unknown(what: str, given: str, accepted: Iterable[str]) -> RequestError:
    """The error for a name that does not exist. Its message gives the nearest names; all names where none is near."""
    names = sorted(accepted)
    near = get_close_matches(given, names, n=3, cutoff=0.5)
    if near:
        return RequestError(f"unknown {what} {given!r}: did you mean {' or '.join(near)}?")
    return RequestError(f"unknown {what} {given!r}: choose from {', '.join(names) or 'nothing (none is installed)'}")
