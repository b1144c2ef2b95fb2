"""Completion in bash of names with a colon, such as smp:unet, which bash takes for several words."""

import os
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO


def join_colons(words: list[str], place: int) -> tuple[list[str], int]:
    """The words as the user typed them, and the place of the one that is completed.

    Args:
        words: of the command line, `smp:u` as the three words `smp`, `:` and `u`.
        place: of the word that is completed.
    """
    joined: list[str] = []
    places: list[int] = []
    goes_on = False
    for word in words:
        colon = bool(word) and not word.strip(":")
        if joined and (colon or goes_on):
            joined[-1] += word
        else:
            joined.append(word)
        goes_on = colon
        places.append(len(joined) - 1)
    return joined, places[place] if place < len(places) else len(joined)


def complete_in_bash(application: Callable[[], object]) -> None:
    """Print the completions that the application finds for the whole word; bash keeps what stands before the colon."""
    words, place = join_colons(os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"]))
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(place)}
    kept = "".join(words[place].rpartition(":")[:2]) if place < len(words) else ""
    printed = StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        application()
    print("\n".join(line.removeprefix(kept) for line in printed.getvalue().splitlines()))
