"""The command robustq gate, which decides acceptance criteria on a stress run."""

from pathlib import Path
from typing import Annotated

import typer

from robustq_cli import console, options
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples

STATUS = {"pass": 0, "fail": 4, "undecided": 5}

EXAMPLES = examples(
    ("Does this run meet the criteria?", "robustq gate runs/first --criteria criteria.toml"),
    (
        "The same in CI, with a file that it can show",
        "robustq gate runs/first --criteria criteria.toml --junit gate.xml",
    ),
)

Directory = Annotated[str, typer.Argument(metavar="RUN", rich_help_panel=DATA, help="Run directory of robustq stress.")]
Criteria = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        rich_help_panel=STATISTICS,
        help="TOML file of criteria: one table [[criteria]] each, with metric, kind and its bound.",
    ),
]
Junit = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=OUTPUT, help="Write the decisions as JUnit XML, which CI systems read."
    ),
]
Markdown = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=OUTPUT, help="Write the table as Markdown, for a pull request."),
]


def gate(
    run: Directory,
    criteria: Criteria,
    junit: Junit = None,
    markdown: Markdown = None,
    json: options.Json = False,
) -> int:
    """Decide acceptance criteria on bounds, not on means.

    Exit status: 0 every criterion is met; 4 one is not met; 5 not decided with these patients, and the table says how
    many it would take.
    """
    from robustq.request.criteria import read_criteria

    asked = read_criteria(criteria)

    from robustq.report.gate_report import gate_grid
    from robustq.report.gate_report import junit as junit_xml
    from robustq.results.gate import gate as decide
    from robustq.whole_file import whole_file

    decided = decide(run, asked)
    grid = gate_grid(decided.lines, decided.outcome, decided.run)
    written = {junit: lambda: junit_xml(decided.lines, decided.run), markdown: grid.to_markdown}
    for file, text in written.items():
        if file is not None:
            with whole_file(file) as partial:
                partial.write_text(text(), encoding="utf-8")
    if json:
        criteria_met = [vars(line) for line in decided.lines]
        console.print_json({"run": decided.run, "outcome": decided.outcome, "criteria": criteria_met})
    else:
        console.print_table(grid.to_rich())
    return STATUS[decided.outcome]
