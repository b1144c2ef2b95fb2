"""The command robustq show, which prints a result of a run directory again."""

from pathlib import Path
from typing import Annotated

import typer

from robustq.errors import unknown
from robustq_cli import complete, console
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples
from robustq_cli.formats import as_format

WHAT = ("stress", "compare", "analysis")
FORMATS = ("table", "csv", "md", "markdown", "latex", "html", "json")

EXAMPLES = examples(
    (
        "The table of a run for a paper",
        "robustq show runs/first --format latex",
    ),
    (
        "Every difference from the baseline, with its interval in columns of its own",
        "robustq show runs/first --what compare --format csv",
    ),
)

RunDirectory = Annotated[
    Path,
    typer.Argument(metavar="RUN", rich_help_panel=DATA, help="Run directory of robustq stress or robustq analyse."),
]
What = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        autocompletion=complete.one_of(*WHAT),
        help="Which result: stress, compare or analysis. By default stress, or analysis where there is no stress run.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        help="With --what compare: the model that the others are compared with. By default the matched baseline "
        "(wrapped with identity:D), else the first model without a codebook, else the first model.",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="NAME",
        rich_help_panel=OUTPUT,
        autocompletion=complete.one_of(*FORMATS),
        help="How it is printed: table, csv (one tidy table), md or markdown, latex, html, or json.",
    ),
]


def show(run: RunDirectory, what: What = None, baseline: Baseline = None, output: Format = "table") -> None:
    """Print a result of a run again, in any format.

    LaTeX has booktabs rules, a short caption, a label and the notes as a list. CSV is one tidy table: one header, one
    row for each figure, and each number in a column of its own.
    """
    if output not in FORMATS:
        raise unknown("format", output, FORMATS)
    if what is not None and what not in WHAT:
        raise unknown("result", what, WHAT)

    from robustq.results.results_shown import shown

    result = shown(run, what, baseline)
    if output == "json":
        console.print_json(result.document())
    elif output == "csv":
        typer.echo(result.frame().to_csv(index=False), nl=False)
    else:
        if output == "table":
            console.print_overview(result.overview())
        for grid in result.grids():
            if output == "table":
                console.print_table(grid.to_rich())
            else:
                typer.echo(as_format(grid, output))
