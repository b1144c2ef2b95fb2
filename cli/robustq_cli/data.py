"""The commands robustq data check and prepare, which look through a dataset and make one of a public download."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robustq_cli import complete, console, options
from robustq_cli.command import DATA, OUTPUT, Command, Group, examples, prose

if TYPE_CHECKING:
    from robustq.data.survey import Survey

EXAMPLES = examples(
    ("What a folder of images and masks holds, and what is odd about it", "robustq data check DATA"),
    ("A public download, made into data for --data", "robustq data prepare btcv --from RawData --to btcv"),
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

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=complete.one_item("datasets"),
        help="The download: btcv, nci-isbi-2013, nih-xlsor or jsrt. Settings may follow, as in jsrt:subset=all.",
    ),
]
From = Annotated[
    Path,
    typer.Option("--from", metavar="DIR", rich_help_panel=DATA, help="Folder into which the download was unpacked."),
]
To = Annotated[
    Path,
    typer.Option(
        "--to",
        metavar="DIR",
        rich_help_panel=OUTPUT,
        help="Folder to write. If an earlier call wrote there, only what is missing or changed is written again.",
    ),
]

app = typer.Typer(cls=Group, rich_markup_mode="rich")


@app.callback()
def data() -> None:
    """Look through a dataset, or copy a public download."""


def check(data: Data, json: options.Json = False) -> int:
    """Read every case of a dataset, and print what the cases are and what is odd about them.

    The exit status is 3 if some cases cannot be used; each is named with the reason.
    """
    from robustq.data.open_dataset import open_dataset
    from robustq.data.survey import survey

    dataset = open_dataset(data)
    with console.counting("reading cases") as on_case:
        result = survey(dataset, on_case)
    if json:
        console.print_json(asdict(result))
    else:
        console.print_pairs(_lines(result))
    return console.say_left_out(result.left_out)


def prepare(name: Name, source: From, target: To, json: options.Json = False) -> int:
    """Copy the cases of a public download into an ordinary folder, and print the line that wraps a network for them.

    The folder holds images, masks, the table cases.csv for --data, and manifest.json with a checksum of every file.
    Nothing is resampled: the printed options of robustq wrap do that as the paper did. A second call checks what is
    there and goes on. The exit status is 3 if some cases cannot be used; each is named with the reason.
    """
    from robustq.run.prepare import prepare as prepare_download

    with console.counting("copying cases") as on_case:
        result = prepare_download(name, source, target, on_case)
    if json:
        console.print_json(asdict(result))
    else:
        console.print_pairs(
            {
                "cases": f"{len(result.written)} written, {len(result.kept)} already there and unchanged",
                "data": f"--data {result.table}",
                "wrap": result.wrap,
            }
        )
    console.say_remarks(result.remarks)
    return console.say_left_out(result.failures)


app.command("check", cls=Command, help=prose(check.__doc__), epilog=EXAMPLES, no_args_is_help=True)(check)
app.command("prepare", cls=Command, help=prose(prepare.__doc__), epilog=EXAMPLES, no_args_is_help=True)(prepare)


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
