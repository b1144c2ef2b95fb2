"""The command robustq compare, which compares models with a baseline or summarises architectures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from robustq.errors import RequestError, unknown
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
        "One line per architecture, from runs of several training seeds",
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
        help="Summarise instead of comparing: architecture gives one line for each architecture, the mean over its "
        "training seeds. Give this or --baseline.",
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
        raise RequestError("compare takes either --baseline NAME or --by architecture, not both: leave one out")

    from robustq.results.several_runs import join
    from robustq.results.stress_run import Run

    stress_runs = [Run(path) for path in runs]
    all_rows = join(stress_runs)
    if by is None and baseline is None:
        names = ", ".join(model for run in stress_runs for model in run.models)
        raise RequestError(f"compare needs --baseline NAME, where NAME is one of {names}, or --by architecture")
    metrics = [metric for metric in stress_runs[0].metrics if all(metric in run.metrics for run in stress_runs)]
    rows = all_rows[all_rows["metric"].isin(metrics) | (all_rows["status"] == "failed")]
    comparison = (
        _with_baseline(stress_runs, rows, metrics, baseline, per_label)
        if baseline is not None
        else _by_architecture(stress_runs, rows, metrics, per_label)
    )
    if json:
        table = comparison.table.to_dict("records")
        console.print_json({"runs": [str(path) for path in runs], "notes": comparison.notes, "rows": table})
        return
    for grid in comparison.grids:
        if output == "table":
            console.print_table(grid.to_rich())
        else:
            typer.echo({"csv": grid.to_csv, "markdown": grid.to_markdown, "latex": grid.to_latex}[output]())


class _Compared(NamedTuple):
    """The result of a comparison: its rows, the notes under them, and a printed table for each metric."""

    table: "DataFrame"
    notes: list[str]
    grids: "list[Grid]"


def _with_baseline(
    runs: "list[Run]", rows: "DataFrame", metrics: list[str], baseline: str, per_label: bool
) -> _Compared:
    """Paired differences of all models from the baseline."""
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
    """One line for each architecture: the mean over its training seeds."""
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
    """The caption of a metric's table: the data, the draws, and for a distance how missed structures count."""
    caption = ", ".join(filter(None, (run.asked["data"]["name"], run.draws_text)))
    return f"{caption}, missed structures by {run.asked['missing']}" if _measures_distance(metric) else caption
