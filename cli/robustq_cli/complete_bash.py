"""Completes names with a colon, such as smp:unet, in bash, which splits them into several words."""

import os
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO


def join_colons(words: list[str], place: int) -> tuple[list[str], int]:
    """The words as the user typed them, and the index of the word that is completed.

    Args:
        words: words of the command line as bash splits them: `smp:u` is the three words `smp`, `:` and `u`.
        place: index of the word that is completed.
    """
    joined: list[str] = []
    places: list[int] = []
    after_colon = False
    for word in words:
        is_colon = bool(word) and not word.strip(":")
        if joined and (is_colon or after_colon):
            joined[-1] += word
        else:
            joined.append(word)
        after_colon = is_colon
        places.append(len(joined) - 1)
    return joined, places[place] if place < len(places) else len(joined)


def complete_in_bash(application: Callable[[], object]) -> None:
    """Print the application's completions of the whole word, without the text up to the colon, which bash adds."""
    words, place = join_colons(os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"]))
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(place)}
    up_to_colon = "".join(words[place].rpartition(":")[:2]) if place < len(words) else ""
    printed = StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        application()
    print("\n".join(line.removeprefix(up_to_colon) for line in printed.getvalue().splitlines()))
