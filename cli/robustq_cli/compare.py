"""robustq compare: models against a baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from robustq.errors import RequestError, unknown
from robustq.report.numbers import draws_a_level
from robustq_cli import complete, console, options
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples

if TYPE_CHECKING:
    from pandas import DataFrame

    from robustq.report.grid import Grid
    from robustq.results.stress_run import Run

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
        help="architecture gives one line for each architecture, the mean over its training seeds. Give this or "
        "--baseline.",
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

    from robustq.results.several_runs import join
    from robustq.results.stress_run import Run

    opened = [Run(path) for path in runs]
    joined = join(opened)
    if by is None and baseline is None:
        names = ", ".join(model for run in opened for model in run.models)
        raise RequestError(f"compare needs --baseline NAME, one of {names}; or --by architecture")
    metrics = [metric for metric in opened[0].metrics if all(metric in run.metrics for run in opened)]
    rows = joined[joined["metric"].isin(metrics) | (joined["status"] == "failed")]
    compared = (
        _with_baseline(opened, rows, metrics, baseline, per_label)
        if baseline is not None
        else _by_architecture(opened, rows, metrics, per_label)
    )
    if json:
        table = compared.table.to_dict("records")
        console.print_json({"runs": [str(path) for path in runs], "notes": compared.notes, "rows": table})
        return
    for grid in compared.grids:
        if output == "table":
            console.print_table(grid.to_rich())
        else:
            typer.echo({"csv": grid.to_csv, "markdown": grid.to_markdown, "latex": grid.to_latex}[output]())


class _Compared(NamedTuple):
    """What a comparison found: its rows, the notes under them, and a printed table for each metric."""

    table: "DataFrame"
    notes: list[str]
    grids: "list[Grid]"


def _with_baseline(
    runs: "list[Run]", rows: "DataFrame", metrics: list[str], baseline: str, per_label: bool
) -> _Compared:
    """Paired differences from a model."""
    from robustq.report.baseline_table import comparison_grid
    from robustq.results.several_runs import remarks, seed_notes
    from robustq.statistics import compare as compare_models

    notes = remarks(runs) + seed_notes(runs, baseline)
    table = compare_models(rows, baseline, by_label=per_label)
    grids: list[Grid] = [
        comparison_grid(
            table, metric, caption=_caption(runs[0], metric), notes=notes, distance=_measures_distance(metric)
        )
        for metric in metrics
    ]
    return _Compared(table, notes, grids)


def _by_architecture(runs: "list[Run]", rows: "DataFrame", metrics: list[str], per_label: bool) -> _Compared:
    """One line for each architecture, over its training seeds."""
    from robustq.report.architecture_table import architecture_grid
    from robustq.report.sample_notes import ONE_NETWORK
    from robustq.results.several_runs import architectures, remarks
    from robustq.statistics import summarise_by_architecture

    notes = [note for note in remarks(runs) if note != ONE_NETWORK]
    table = summarise_by_architecture(rows, architectures(runs), by_label=per_label)
    grids: list[Grid] = [
        architecture_grid(
            table, metric, caption=_caption(runs[0], metric), notes=notes, distance=_measures_distance(metric)
        )
        for metric in metrics
    ]
    return _Compared(table, notes, grids)


def _measures_distance(metric: str) -> bool:
    from robustq.metric import parse_metrics

    return next(iter(parse_metrics(metric).values())).measures_distance


def _caption(run: "Run", metric: str) -> str:
    """What a table says of the run above its figures."""
    caption = f"{run.asked['data']['name']}, {draws_a_level(run.asked['draws'])}"
    return f"{caption}, missed structures by {run.asked['missing']}" if _measures_distance(metric) else caption
