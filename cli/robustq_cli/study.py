"""The command robustq study, which runs models x seeds x data from one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robustq.request.study import read_study, short_name
from robustq_cli import console, options
from robustq_cli.command import DATA, OUTPUT, examples
from robustq_cli.signals import PieceInHand

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from robustq.run.study_progress import StudyProgress

EXAMPLES = examples(
    (
        "A study whose file leaves the data open, in a directory of your choice",
        "robustq study lungs.toml --set data.train=DATA --out runs/lungs",
    ),
    (
        "The same in minutes, to see whether everything runs",
        "robustq study lungs.toml --set recipe.epochs=1 --out runs/try",
    ),
)

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", rich_help_panel=DATA, help="Study file: models, seeds, data, what is measured."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel="Settings",  # options beside the argument in one panel would be drawn as a second Data
        help="Replace an entry of the file, such as data.train=PATH or recipe.epochs=10. Repeat the option "
        "for several.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=OUTPUT,
        help="Directory of the study; the same directory continues it. By default runs/ and the name in the file.",
    ),
]


def study(
    file: File,
    setting: Settings = None,
    out: Out = None,
    json: options.Json = False,
    device: options.Device = "auto",
    executor: options.Executor = "local",
) -> int:
    """Train, stress and analyse models x seeds x data from one file.

    What is finished is not computed again, so the same command continues a study that was stopped. A step that fails
    is named, and the others go on. At the end, tables and a page over everything are written.
    """
    # Wrong entries are refused here, before the slow import of torch.
    asked = read_study(file, setting or [])
    if out is None:
        out = Path("runs", short_name(asked.name))
        console.say(f"The directory of the study is {out}. If it is stopped, the same command continues it.")

    from robustq.run.study import study as run_study

    with console.progress() as bars, PieceInHand() as hand:
        result = run_study(
            file,
            out=out,
            settings=setting or [],
            device=device,
            executor=executor,
            on_note=console.say,
            on_progress=_Bars(bars, hand.written),
        )
    if json:
        console.print_json(
            {
                "study": result.path,
                "steps": [vars(step) for step in result.steps],
                "tables": list(result.tables),
                "failures": result.failures,
            }
        )
    else:
        for grid in result.grids():
            console.print_table(grid.to_rich())
    if result.runs:
        console.say(f"The page is {result.write_report()}; the tables are in {result.path / 'tables'}.")
    for step, reason in result.failures.items():
        console.say(f"failed: {step}: {reason}")
    return 3 if result.failures else 0


class _Bars:
    """Two bars: over the steps of the study, and over the step in hand.

    Args:
        bars: the bars that `console.progress` returns.
        written: called at the end of each call, when everything computed is written.
    """

    def __init__(self, bars: "Progress", written: "Callable[[], None]") -> None:
        self._bars, self._written = bars, written
        self._all = bars.add_task("steps", total=None)
        self._one = bars.add_task("", total=None)
        self._said = -1

    def __call__(self, progress: "StudyProgress") -> None:
        """Show how far the study is; the name of each step is printed when it begins."""
        if progress.done > self._said:
            self._said = progress.done
            console.say(f"{progress.done} of {progress.total} steps done; now: {progress.step}.")
            self._bars.reset(self._one, description=progress.step)
        self._bars.update(self._all, completed=progress.done, total=progress.total)
        self._bars.update(self._one, completed=progress.part, total=progress.parts or None)
        self._written()
