"""Writes the page of a run at the end of the command that made it."""

from pathlib import Path

from robustq_cli import console


def leave_page(directory: Path, *, images: bool = True) -> None:
    """Write `report.html` into a run directory and name it on stderr. If that fails, one sentence says so.

    The rows are whole before the page is made, so no error of the page may end the command.
    """
    from robustq.results.page import PageOptions, write_page

    try:
        console.say(f"The page is {write_page([directory], options=PageOptions(images=images))}.")
    except Exception as error:
        console.say(f"Note: the page could not be written ({error}); the rows are whole, robustq report tries again.")
