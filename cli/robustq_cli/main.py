"""The application `robustq`: its commands, and what happens to the errors they raise."""

import sys
import warnings
from importlib.metadata import version
from typing import Annotated

import typer

from robustq.errors import RequestError
from robustq_cli.analyse import analyse
from robustq_cli.compare import compare
from robustq_cli.doctor import doctor
from robustq_cli.list import list_items
from robustq_cli.minimal import minimal
from robustq_cli.new import new
from robustq_cli.stress import stress
from robustq_cli.train import train
from robustq_cli.wrap import wrap

app = typer.Typer(
    name="robustq",
    help="How robust is a segmentation network, why, and would a quantised bottleneck make it more so?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# No command imports torch before its words are checked, so help and listings are quick.
app.command("wrap")(wrap)
app.command("train")(train)
app.command("stress")(stress)
app.command("analyse")(analyse)
app.command("minimal")(minimal)
app.command("compare")(compare)
app.command("list")(list_items)
app.command("new")(new)
app.command("doctor")(doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"robustq {version('robustq')}\n")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Run the command line. Exit status: 0 done, 2 the request was wrong, 3 some cases failed, 1 a fault of ours."""
    # Warnings of libraries are for those who write code; what concerns a user is said in our own words.
    warnings.simplefilter("ignore")
    try:
        status = app(standalone_mode=False)
    except RequestError as error:
        _refuse(str(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("robustq: stopped; the same command with the same --out goes on where it was\n")
        sys.exit(130)
    except Exception as error:
        # Typer's own refusals (an unknown option, a missing argument) know how to say themselves in a line.
        words = getattr(error, "format_message", None)
        if words is None:
            raise
        if not words():  # help was shown, for nothing was asked
            sys.exit(0)
        _refuse(words())
    sys.exit(status if isinstance(status, int) else 0)


def _refuse(sentence: str) -> None:
    """One line, no traceback, exit status 2."""
    sys.stderr.write(f"robustq: {' '.join(sentence.split())}\n")
    sys.exit(2)
