"""robustq compare: models against a baseline."""

from pathlib import Path
from typing import Annotated

import typer

from robustq.errors import RequestError, unknown
from robustq.report.numbers import draws_a_level
from robustq_cli import complete, console, options
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples

FORMATS = ("table", "csv", "markdown", "latex")

EXAMPLES = examples(
    (
        "Differences of all models of a run from its baseline",
        "robustq compare runs/first --baseline baseline-trained",
    ),
    (
        "One line for each architecture, from runs of several training seeds",
        "robustq compare runs/seed-* --by architecture --format latex",
    ),
)

Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN", rich_help_panel=DATA, help="Run directories of robustq stress, one or several."),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        help="Name of the model that the others are compared with, as in the tables of robustq stress.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        autocompletion=complete.one_of("architecture"),
        help="architecture gives one line for each architecture, the mean over its training seeds. Give this or --baseline.",
    ),
]
PerLabel = Annotated[
    bool, typer.Option("--per-label", rich_help_panel=STATISTICS, help="Compare each label by itself.")
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="NAME",
        rich_help_panel=OUTPUT,
        autocompletion=complete.one_of(*FORMATS),
        help="How the result is printed: table, csv, markdown or latex.",
    ),
]


def compare(
    runs: Runs,
    baseline: Baseline = None,
    by: By = None,
    per_label: PerLabel = False,
    output: Format = "table",
    json: options.Json = False,
) -> None:
    """Compare models with a baseline, patient by patient.

    The table shows mean differences with bootstrap intervals, and Wilcoxon tests with Holm's correction.
    """
    if output not in FORMATS:
        raise unknown("format", output, FORMATS)
    if by not in (None, "architecture"):
        raise unknown("summary", str(by), ["architecture"])
    if by is not None and baseline is not None:
        raise RequestError("compare takes --baseline NAME, for paired differences, or --by architecture, not both")

    from robustq.metric import parse_metrics
    from robustq.report.comparison import architecture_grid, comparison_grid
    from robustq.report.grid import Grid
    from robustq.report.sample import ONE_NETWORK
    from robustq.run import Run
    from robustq.runs import architectures, join, remarks, seed_notes
    from robustq.statistics import compare as compare_models
    from robustq.statistics import summarise_by_architecture

    opened = [Run(path) for path in runs]
    rows = join(opened)
    first = opened[0]
    if by is None and baseline is None:
        names = ", ".join(model for run in opened for model in run.models)
        raise RequestError(f"compare needs --baseline NAME, one of {names}; or --by architecture")
    metrics = [metric for metric in first.metrics if all(metric in run.metrics for run in opened)]

    def _far(metric: str) -> bool:
        return next(iter(parse_metrics(metric).values())).measures_distance

    def _of(caption: str, metric: str, run: Run) -> str:
        return f"{caption}, missed structures by {run.asked['missing']}" if _far(metric) else caption

    rows = rows[rows["metric"].isin(metrics) | (rows["status"] == "failed")]
    caption = f"{first.asked['data']['name']}, {draws_a_level(first.asked['draws'])}"
    notes = remarks(opened)
    if baseline is not None:
        notes += seed_notes(opened, baseline)
        table = compare_models(rows, baseline, by_label=per_label)
        grids: list[Grid] = [
            comparison_grid(table, metric, caption=_of(caption, metric, first), notes=notes, distance=_far(metric))
            for metric in metrics
        ]
    else:
        notes = [note for note in notes if note != ONE_NETWORK]
        table = summarise_by_architecture(rows, architectures(opened), by_label=per_label)
        grids = [
            architecture_grid(table, metric, caption=_of(caption, metric, first), notes=notes, distance=_far(metric))
            for metric in metrics
        ]
    if json:
        console.print_json({"runs": [str(path) for path in runs], "notes": notes, "rows": table.to_dict("records")})
        return
    for grid in grids:
        if output == "table":
            console.print_table(grid.to_rich())
        else:
            typer.echo({"csv": grid.to_csv, "markdown": grid.to_markdown, "latex": grid.to_latex}[output]())
