"""The command robustq card, which prints the robustness card of a stress run."""

from typing import Annotated

import typer

from robustq.errors import RequestError
from robustq_cli import options
from robustq_cli.command import DATA, OUTPUT, examples

EXAMPLES = examples(
    ("The card as Markdown, to be read by others", "robustq card runs/first --rename-cases"),
    (
        "The card as JSON, for a program, and the schema of the JSON",
        "robustq card runs/first --json",
        "robustq card --schema",
    ),
)

Directory = Annotated[
    str | None, typer.Argument(metavar="RUN", rich_help_panel=DATA, help="Run directory of robustq stress.")
]
RenameCases = Annotated[
    bool,
    typer.Option(
        "--rename-cases",
        rich_help_panel=OUTPUT,
        help="Number the cases instead of naming them, and leave out what can name them.",
    ),
]
Schema = Annotated[
    bool,
    typer.Option("--schema", rich_help_panel=OUTPUT, help="Print the JSON schema of a card and stop."),
]


def card(
    run: Directory = None, rename_cases: RenameCases = False, json: options.Json = False, schema: Schema = False
) -> None:
    """Print the robustness card of a run.

    It says what the data and models are, what was tried, what came out, what fails, and what was not tried. Each part
    names the published items (FUTURE-AI, CLAIM, the EU AI Act's Article 15) for which it is evidence. A card never says
    that a model complies with them.
    """
    from robustq.report.card_schema import card_schema

    if schema:
        typer.echo(card_schema(), nl=False)
        return
    if run is None:
        raise RequestError("card needs the directory of a run of robustq stress, or --schema")

    from robustq.results.card import card as make_card

    written = make_card(run, case_names=not rename_cases)
    typer.echo(written.to_json() if json else written.to_markdown(), nl=False)
