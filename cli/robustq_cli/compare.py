"""robustq compare: models against a baseline."""

from pathlib import Path
from typing import Annotated

import typer

from robustq.errors import RequestError, unknown
from robustq.report.numbers import draws_a_level
from robustq_cli import console, options

FORMATS = ("table", "csv", "markdown", "latex")


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories of robustq stress.")],
    baseline: Annotated[str | None, typer.Option(help="Name of the model that is subtracted.")] = None,
    by: Annotated[
        str | None, typer.Option(help="architecture: summarise the training seeds of each architecture instead.")
    ] = None,
    per_label: Annotated[bool, typer.Option("--per-label", help="Keep the labels apart.")] = False,
    output: Annotated[str, typer.Option("--format", help="table, csv, markdown or latex.")] = "table",
    json: options.Json = False,
) -> None:
    """Set the models of one run or several against a baseline, paired by group, with intervals and tests."""
    if output not in FORMATS:
        raise unknown("format", output, FORMATS)
    if by not in (None, "architecture"):
        raise unknown("summary", str(by), ["architecture"])
    if by is not None and baseline is not None:
        raise RequestError("compare takes --baseline NAME, for paired differences, or --by architecture, not both")

    from robustq.metric import parse_metrics
    from robustq.report.architecture_table import architecture_grid
    from robustq.report.baseline_table import comparison_grid
    from robustq.report.grid import Grid
    from robustq.report.sample_notes import ONE_NETWORK
    from robustq.results.several_runs import architectures, join, remarks, seed_notes
    from robustq.results.stress_run import Run
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
