"""The command robustq compare, which compares models with a baseline or summarises architectures."""

from typing import TYPE_CHECKING, Annotated

import typer

from robustq.errors import RequestError, unknown
from robustq.request.figures import FigureRequest, parse_figures
from robustq_cli import complete, console, options
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples
from robustq_cli.formats import print_grids

if TYPE_CHECKING:
    from robustq.report.grid import Grid
    from robustq.results.stress_run import Run

FORMATS = ("table", "csv", "md", "markdown", "latex")

EXAMPLES = examples(
    (
        "Differences of all models of a run from its baseline",
        "robustq compare runs/first --baseline baseline-trained",
    ),
    (
        "One line per architecture, from runs of several training seeds, and the differences from one of them",
        "robustq compare runs/seed-* --by architecture --baseline 'unet none'",
    ),
)

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN", rich_help_panel=DATA, help="Run directories of robustq stress, one or several."),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        help="Name of the model that the others are compared with, as in the tables of robustq stress; with --by "
        "architecture the name of an architecture, as in its table.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        autocompletion=complete.one_of("architecture"),
        help="Summarise by architecture: one line for each, the mean over its training seeds. With --baseline, also "
        "the differences from that architecture, over training seeds and patients.",
    ),
]
Ranking = Annotated[
    bool,
    typer.Option(
        "--ranking",
        rich_help_panel=STATISTICS,
        help="Rank all models by AUDC of Dice instead, each with the places that significance leaves open.",
    ),
]
PerLabel = Annotated[
    bool, typer.Option("--per-label", rich_help_panel=STATISTICS, help="Compare each label by itself.")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        rich_help_panel=OUTPUT,
        autocompletion=complete.one_of(*FORMATS),
        help="How the result is printed: table (the default), csv, md or markdown, or latex. With --figures, the file "
        "formats: pdf, svg, png; by default pdf,png.",
    ),
]
Figures = Annotated[
    str | None,
    typer.Option(
        "--figures",
        metavar="FOLDER",
        rich_help_panel=OUTPUT,
        help="Draw the differences at each level into this folder, with captions.md, and print nothing.",
    ),
]


def compare(
    runs: Runs,
    baseline: Baseline = None,
    by: By = None,
    ranking: Ranking = False,
    per_label: PerLabel = False,
    output: Format = None,
    figures: Figures = None,
    style: options.FigureStyle = None,
    json: options.Json = False,
) -> None:
    """Compare models with a baseline, patient by patient.

    First, one sentence for each model: what it loses from level 0 to the highest level, compared with the baseline.
    Then the differences in drop, retention and AUDC, with bootstrap intervals. Then the differences at each level, with
    Wilcoxon tests and Holm's correction.
    """
    drawn = figures is not None or style is not None
    request = parse_figures(figures, output, style) if drawn else None
    output = output or "table"
    if not drawn and output not in FORMATS:
        raise unknown("format", output, FORMATS)
    _check_together(baseline, by, ranking=ranking, per_label=per_label, drawn=drawn)

    from robustq.results.stress_run import Run

    stress_runs = [Run(path) for path in runs]
    if ranking:
        document, grids = _ranked(stress_runs)
    elif by is not None:
        document, grids = _by_architecture(stress_runs, baseline, per_label)
    elif baseline is None:
        names = ", ".join(model for run in stress_runs for model in run.models)
        raise RequestError(
            f"compare needs --baseline NAME, where NAME is one of {names}, or --by architecture, or --ranking"
        )
    elif request is not None:
        _draw(stress_runs, baseline, per_label, request)
        return
    else:
        document, grids = _with_baseline(stress_runs, baseline, per_label)
    if json:
        console.print_json({"runs": [str(run.directory.path) for run in stress_runs], **document})
        return
    print_grids(grids, output)


def _check_together(baseline: str | None, by: str | None, *, ranking: bool, per_label: bool, drawn: bool) -> None:
    """Refuse options that do not go together."""
    if by not in (None, "architecture"):
        raise unknown("summary", str(by), ["architecture"])
    if ranking and (by is not None or baseline is not None):
        raise RequestError("--ranking takes all models together: leave --baseline and --by out")
    if ranking and per_label:
        raise RequestError("--ranking takes all labels together: leave --per-label out")
    if drawn and (by is not None or ranking):
        raise RequestError("compare draws differences from a baseline: give --baseline NAME alone")


def _draw(runs: "list[Run]", baseline: str, per_label: bool, request: FigureRequest) -> None:
    """Draw the differences of all models from the baseline."""
    from robustq.results.differences import compare as compare_models
    from robustq.results.figures import of_differences, write_figures

    for note in write_figures(of_differences(compare_models(runs, baseline, per_label=per_label)), request):
        console.say(note)
    console.say(f"The figures are in {request.folder}.")


def _with_baseline(runs: "list[Run]", baseline: str, per_label: bool) -> "tuple[dict[str, object], list[Grid]]":
    """Paired differences of all models from the baseline, as a document and as tables."""
    from robustq.results.differences import compare as compare_models

    differences = compare_models(runs, baseline, per_label=per_label)
    document: dict[str, object] = {
        "notes": [*differences.heads, *differences.notes],
        "verdicts": {metric: differences.verdicts(metric) for metric in differences.metrics},
        "robustness": {metric: differences.robustness(metric).to_dict("records") for metric in differences.metrics},
        "rows": differences.to_frame().to_dict("records"),
    }
    return document, [grid for metric in differences.metrics for grid in differences.grids(metric)]


def _ranked(runs: "list[Run]") -> "tuple[dict[str, object], list[Grid]]":
    """All models by AUDC of Dice, as a document and as a table."""
    from robustq.results.ranking import ranking

    ranked = ranking(runs)
    document: dict[str, object] = {
        "notes": ranked.notes,
        "ranking": ranked.to_frame().to_dict("records"),
        "pairs": ranked.pairs().to_dict("records"),
    }
    return document, [ranked.grid()]


def _by_architecture(
    runs: "list[Run]", baseline: str | None, per_label: bool
) -> "tuple[dict[str, object], list[Grid]]":
    """One line for each architecture, the mean over its training seeds, and the differences from a baseline."""
    from robustq.results.by_architecture import by_architecture, by_architecture_grids, notes_on, shared_metrics
    from robustq.results.several_runs import architectures

    table, notes = by_architecture(runs, architectures(runs), per_label=per_label), notes_on(runs)
    metrics = shared_metrics(runs)
    grids = by_architecture_grids(runs, table)
    document: dict[str, object] = {"notes": notes, "rows": table.to_dict("records")}
    if baseline is not None:
        from robustq.results.architecture_claims import architecture_claims, architecture_claims_grid

        grids += [architecture_claims_grid(runs, baseline, metric, notes) for metric in metrics]
        document["claims"] = {m: architecture_claims(runs, baseline, m).to_dict("records") for m in metrics}
    return document, grids
