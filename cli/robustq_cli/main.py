"""The application `robustq`: registers its commands, and turns their errors into one line and an exit status."""

import os
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer

from robustq.errors import MainProcessError, RequestError, StorageError
from robustq.report.numbers import listed
from robustq.report.printable import printable
from robustq_cli import (
    analyse,
    card,
    claims,
    compare,
    data,
    doctor,
    gate,
    minimal,
    new,
    report,
    shift,
    show,
    stress,
    study,
    train,
    wrap,
)
from robustq_cli import list as listing
from robustq_cli.command import Command, Group, examples, prose
from robustq_cli.complete_bash import complete_in_bash
from robustq_cli.signals import Terminated, stop_on_signals
from robustq_cli.wrong_value import in_words

MAKE, MEASURE, READ, TOOLBOX = "Make a model", "Measure it", "Read results", "The toolbox"

EPILOG = "\n".join(
    (
        examples(
            ("Two small models that come with robustq, under noise", "robustq stress"),
            ("The options of a command, and two examples of it", "robustq wrap --help"),
        ),
        "",
        "[bold]Exit status[/]",
        "",
        "0    done",
        "1    a bug in robustq or a plugin; or doctor found a library missing",
        "2    the request was wrong; one line says how",
        "3    finished, but some cases failed; they are listed",
        "4    gate: a criterion is not met; or claims: one is not borne out",
        "5    gate: not decided with these patients",
        "6    the disk or store is full, read-only or gone; the same command continues",
        "130  stopped by you (Ctrl-C); the same command with the same --out continues",
        "143  stopped by the system (SIGTERM); the same command continues too",
    )
)

app = typer.Typer(
    name="robustq",
    cls=Group,
    help="How robust is a segmentation network, why, and would a quantised bottleneck make it more robust?",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
# Every command checks its options before it imports torch, so help and listings are quick.
for panel, name, command, ending, needs_words in (
    (MAKE, "wrap", wrap.wrap, wrap.EXAMPLES, True),
    (MAKE, "train", train.train, train.EXAMPLES, True),
    (MEASURE, "stress", stress.stress, stress.EXAMPLES, False),
    (MEASURE, "analyse", analyse.analyse, analyse.EXAMPLES, False),
    (MEASURE, "minimal", minimal.minimal, minimal.EXAMPLES, True),
    (MEASURE, "shift", shift.shift, shift.EXAMPLES, True),
    (MEASURE, "study", study.study, study.EXAMPLES, True),
    (READ, "compare", compare.compare, compare.EXAMPLES, True),
    (READ, "gate", gate.gate, gate.EXAMPLES, True),
    (READ, "card", card.card, card.EXAMPLES, True),
    (READ, "claims", claims.claims, claims.EXAMPLES, True),
    (READ, "report", report.report, report.EXAMPLES, True),
    (READ, "show", show.show, show.EXAMPLES, True),
    (TOOLBOX, "list", listing.list_items, listing.EXAMPLES, False),
    (TOOLBOX, "new", new.new, new.EXAMPLES, True),
    (TOOLBOX, "doctor", doctor.doctor, doctor.EXAMPLES, False),
):
    register = app.command(
        name,
        cls=Command,
        help=prose(command.__doc__),
        epilog=ending,
        rich_help_panel=panel,
        no_args_is_help=needs_words,
    )
    register(command)
app.add_typer(data.app, name="data", epilog=data.EXAMPLES, rich_help_panel=TOOLBOX, no_args_is_help=True)


def _show_version(wanted: bool) -> bool:
    if wanted:
        sys.stdout.write(f"robustq {version('robustq')}\n")
        raise typer.Exit
    return wanted


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Run the command line. Its exit statuses are listed by `robustq --help`."""
    # Warnings of libraries address programmers, so they are hidden. robustq itself prints what concerns a user.
    warnings.simplefilter("ignore")
    if os.environ.get("_ROBUSTQ_COMPLETE") == "complete_bash":
        complete_in_bash(lambda: app(prog_name="robustq"))
        return
    stop_on_signals()
    try:
        status = app(standalone_mode=False, prog_name="robustq")
    except RequestError as error:
        _end(str(error), 2)
    except StorageError as error:
        _end(str(error), 6)
    except MainProcessError:
        sys.exit(2)
    except Terminated:
        _end(_STOPPED, 143)
    except (KeyboardInterrupt, typer.Abort):
        _end(_STOPPED, INTERRUPTED)
    except Exception as error:
        # Typer's own errors (an unknown option, a missing argument) can format themselves as one line.
        format_message = getattr(error, "format_message", None)
        if format_message is None:
            raise
        if not format_message():  # the command had no words, so typer printed its help
            sys.exit(0)
        _end(in_words(error, format_message()) + _of_others(error), 2)
    if status == INTERRUPTED:  # typer makes a status of Ctrl-C
        _end(_STOPPED, INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _of_others(error: Exception) -> str:
    """Which commands have the option that this one does not know; "" for another error, and where none has it."""
    commands: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
    option = getattr(error, "option_name", None)
    having = [name for name, command in commands.items() if any(option in param.opts for param in command.params)]
    return f". It is an option of robustq {listed(having)}" if having else ""


INTERRUPTED = 130
_STOPPED = "stopped; run the same command with the same --out to continue"


def _end(sentence: str, status: int) -> NoReturn:
    """Print one line without a traceback, and end with an exit status."""
    sys.stderr.write(f"robustq: {printable(' '.join(sentence.split()))}\n")
    sys.exit(status)
