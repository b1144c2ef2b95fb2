"""The command robustq report, which writes results as one HTML page."""

from typing import Annotated

import typer

from robustq_cli import console
from robustq_cli.command import DATA, OUTPUT, STATISTICS, examples

EXAMPLES = examples(
    (
        "The page of a run, written into its directory",
        "robustq report runs/first",
    ),
    (
        "Two runs side by side on a page that can be given to others",
        "robustq report runs/vq runs/base --rename-cases --without-images --out p.html",
    ),
)

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        rich_help_panel=DATA,
        help="Run directories of robustq stress or robustq analyse, one or several.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        help="Name of the model that the others are compared with. By default the matched baseline (wrapped with "
        "identity:D), else the first model without a codebook, else the first model.",
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=OUTPUT,
        help="HTML file to write. By default report.html in the run directory; of several runs, report.html in the "
        "current folder.",
    ),
]
WithoutImages = Annotated[
    bool,
    typer.Option("--without-images", rich_help_panel=OUTPUT, help="Leave the images of cases out of the page."),
]
RenameCases = Annotated[
    bool,
    typer.Option("--rename-cases", rich_help_panel=OUTPUT, help="Number the cases on the page instead of naming them."),
]


def report(
    runs: Runs,
    baseline: Baseline = None,
    out: Out = None,
    without_images: WithoutImages = False,
    rename_cases: RenameCases = False,
) -> None:
    """Write results as one HTML page.

    The page opens from disk and needs no network. It begins with a verdict on each model and perturbation. Then come
    the matrix, the curves, the tables, the worst cases, the analyses, and how everything was made. robustq stress and
    robustq analyse write such a page at their end; this command writes it again, or one page for several runs.
    """
    from robustq.results.page import write_page

    page = write_page(runs, out, baseline=baseline, images=not without_images, case_names=not rename_cases)
    console.say(f"The page is {page}.")
