"""The command robustq data check, which looks through a dataset before anybody trains on it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from robustq_cli import complete, console, options
from robustq_cli.command import Command, Group, examples, prose

if TYPE_CHECKING:
    from robustq.data.survey import Survey

EXAMPLES = examples(
    ("What a folder of images and masks holds, and what is odd about it", "robustq data check DATA"),
    ("The same for a program to read", "robustq data check DATA --json"),
)

SHOWN = 5
"""At most this many different shapes, spacings, ... are shown on a line."""

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        autocompletion=complete.data(),
        help="Cases: a folder, a CSV table, an nnU-Net folder, or the name of a dataset such as phantom.",
    ),
]

app = typer.Typer(cls=Group, rich_markup_mode="rich")


@app.callback()
def data() -> None:
    """Look through a dataset before training."""


def check(data: Data, json: options.Json = False) -> int:
    """Read every case of a dataset, and print what the cases are and what is odd about them.

    The exit status is 3 if some cases cannot be used; each is named with the reason.
    """
    from robustq.data.open_dataset import open_dataset
    from robustq.data.survey import survey

    dataset = open_dataset(data)
    milestones = console.Milestones()
    with console.progress() as bars:
        bar = bars.add_task("reading cases", total=None)

        def on_case(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)
            milestones(done, total)

        result = survey(dataset, on_case)
    if json:
        console.print_json(asdict(result))
    else:
        console.print_pairs(_lines(result))
    return console.say_left_out(result.left_out)


app.command("check", cls=Command, help=prose(check.__doc__), epilog=EXAMPLES, no_args_is_help=True)(check)


def _lines(result: "Survey") -> dict[str, str]:
    """What is printed: a name and a text for each line."""
    usable = result.cases - len(result.left_out)
    lines = {"cases": f"{usable} of {result.cases} can be used; {result.groups} patients"}
    if set(result.domains) != {""}:
        lines["domains"] = _counts(result.domains)
    if set(result.splits) != {""}:
        lines["splits"] = _counts(result.splits)
    lines |= {
        "shapes": _counts(result.shapes),
        "channels": _counts(result.channels),
        "spacings": _counts(result.spacings),
        "orientations": _counts(result.orientations),
        "intensities": ", ".join(f"{low:g} to {high:g}" for low, high in result.intensities),
    }
    for value, label in sorted(result.labels.items()):
        share = 100 * label.voxels / max(1, result.voxels)
        name = f"label {value}{f' ({label.name})' if label.name else ''}"
        lines[name] = f"in {label.cases} of {usable} cases, {share:.2g} % of the voxels"
    return lines | {f"odd {number}": sentence for number, sentence in enumerate(result.odd, start=1)}


def _counts(counts: Mapping[str, int]) -> str:
    """The most frequent texts, each with its number of cases."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    more = f" and {len(ordered) - SHOWN} others" if len(ordered) > SHOWN else ""
    return ", ".join(f"{text or 'none'} ({count})" for text, count in ordered[:SHOWN]) + more
