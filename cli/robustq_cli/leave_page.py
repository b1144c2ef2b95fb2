"""Leaves the tables and the page of a run in its directory, at the end of the command that made it."""

from robustq.errors import StorageError
from robustq.storage.run_path import RunPath
from robustq_cli import console


def leave_page(directory: RunPath, *results: str, images: bool = True) -> None:
    """Write `tables/` and `report.html` into a run directory, and name the page on stderr.

    The rows are whole before, so an error here costs no rows: a disk that is full ends the command, and any other error
    is printed as a note.

    Args:
        directory: the run directory.
        results: the results whose tables are written: "stress", "compare", "analysis".
        images: whether the page shows the images of cases.

    Raises:
        StorageError: the disk is full, can only be read, or is gone.
    """
    from robustq.results.page import write_page
    from robustq.results.tables_kept import keep_tables

    try:
        keep_tables(directory, *results)
        console.say(f"The page is {write_page(directory, images=images)}.")
    except StorageError:
        raise
    except Exception as error:
        console.say(
            f"Note: the page could not be written ({error}); the rows are whole, and robustq report tries again."
        )
