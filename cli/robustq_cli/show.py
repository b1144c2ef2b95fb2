"""The command robustq show, which prints a result of a run directory again."""

from typing import Annotated

import typer

from robustq.errors import unknown
from robustq.request.figures import parse_figures
from robustq_cli import complete, console, options
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples
from robustq_cli.draw_figures import draw_figures
from robustq_cli.formats import print_grids

WHAT = ("stress", "compare", "analysis")
FIGURES = (*WHAT, "minimal")
FORMATS = ("table", "csv", "md", "markdown", "latex", "html", "json")

EXAMPLES = examples(
    (
        "The table of a run for a paper",
        "robustq show runs/first --format latex",
    ),
    (
        "Its figures for a paper, from the directory alone",
        "robustq show runs/first --figures paper --format pdf,svg --style paper",
    ),
)

RunDirectory = Annotated[
    str,
    typer.Argument(metavar="RUN", rich_help_panel=DATA, help="Run directory of robustq stress or robustq analyse."),
]
What = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        autocompletion=complete.one_of(*WHAT),
        help="Which result: stress, compare or analysis; with --figures also minimal. By default stress, or analysis "
        "where there is no stress run; with --figures everything that the directory holds.",
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
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        rich_help_panel=OUTPUT,
        autocompletion=complete.one_of(*FORMATS),
        help="How it is printed: table (the default), csv (one tidy table), md or markdown, latex, html, or json. With "
        "--figures, the file formats: pdf, svg, png; by default pdf,png.",
    ),
]


Figures = Annotated[
    str | None,
    typer.Option(
        "--figures",
        metavar="FOLDER",
        rich_help_panel=OUTPUT,
        help="Draw the figures of the run into this folder, with captions.md, and print nothing.",
    ),
]


def show(
    run: RunDirectory,
    what: What = None,
    baseline: Baseline = None,
    output: Format = None,
    figures: Figures = None,
    style: options.FigureStyle = None,
) -> None:
    """Print a result of a run again, in any format, or draw its figures.

    LaTeX has booktabs rules, a short caption, a label and the notes as a list. CSV is one tidy table: one header, one
    row for each figure, and each number in a column of its own. Figures are drawn from the run directory alone.
    """
    results = WHAT if figures is None else FIGURES
    if what is not None and what not in results:
        raise unknown("result", what, results)
    if figures is not None or style is not None:
        draw_figures(run, parse_figures(figures, output, style), what, baseline)
        return
    output = output or "table"
    if output not in FORMATS:
        raise unknown("format", output, FORMATS)

    from robustq.report.csv_text import csv_of
    from robustq.results.results_shown import shown

    result = shown(run, what, baseline)
    if output == "json":
        console.print_json(result.document())
    elif output == "csv":
        typer.echo(csv_of(result.frame()), nl=False)
    else:
        if output == "table":
            console.print_overview(result.overview())
        print_grids(result.grids(), output)
