"""The command robustq claims, which writes what runs show, and checks whether runs bear such claims out."""

from pathlib import Path
from typing import Annotated

import typer

from robustq.errors import RequestError
from robustq_cli import console, options
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples

NOT_BORNE_OUT = 4

EXAMPLES = examples(
    ("Write what two runs show", "robustq claims runs/vq runs/base --out claims.yaml"),
    ("Do runs of your own bear it out?", "robustq claims runs/again --against claims.yaml"),
)

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN", rich_help_panel=DATA, help="Run directories of robustq stress, one or several."),
]
Against = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=STATISTICS, help="Claims file; say whether these runs bear its claims out."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=OUTPUT, help="YAML file to write with the claims of these runs."),
]


def claims(runs: Runs, against: Against = None, out: Out = None, json: options.Json = False) -> int:
    """Write figures that others can check, or check them.

    A claims file holds data, settings, commands, versions, and each model's weights and figures with intervals. It is
    checked on runs of the same cases and noise. Exit status: 0 all claims are borne out; 4 one is not.
    """
    if (against is None) == (out is None):
        raise RequestError("claims needs either --out FILE, to write claims, or --against FILE, to check them")

    from robustq.report.claims_table import claims_grid
    from robustq.results.claims import check_claims, write_claims

    if out is not None:
        written = write_claims(runs, out)
        if json:
            console.print_json({"claims": str(written)})
        else:
            console.say(f"The claims are in {written}.")
        return 0
    checked = check_claims(runs, str(against))
    if json:
        lines = [vars(line) for line in checked.lines]
        console.print_json({"claims": str(against), "borne_out": checked.borne_out, "models": lines})
    else:
        console.print_table(claims_grid(checked.lines, str(against)).to_rich())
    return 0 if checked.borne_out else NOT_BORNE_OUT
