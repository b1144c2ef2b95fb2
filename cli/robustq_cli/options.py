"""The options that several commands share, with their help texts."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robustq.request.figures import FORMATS, STYLES
from robustq.storage.run_path import RunPath, run_path
from robustq_cli import complete
from robustq_cli.command import COMPUTE, DATA, MODELS, OUTPUT, PERTURBATIONS, STATISTICS

# Models can also be given without an option. The help shows only `--model`, which mentions this.
Models = Annotated[list[Path] | None, typer.Argument(metavar="MODEL", hidden=True, show_default=False)]
Model = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        metavar="FILE",
        rich_help_panel=MODELS,
        help="Model file made by robustq wrap or train. Repeat the option to compare several models; file names "
        "without the option work too. By default the two models of the demonstration.",
    ),
]
ModelFile = Annotated[
    str | None,
    typer.Option(
        "--model-file",
        metavar="FILE.py:FUNCTION",
        rich_help_panel=MODELS,
        help="Function that returns your own network. Models that were wrapped with --model-file need it. The file is "
        "executed.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="DATA",
        rich_help_panel=DATA,
        autocompletion=complete.data(),
        help="Cases: a folder, a CSV table, an nnU-Net folder, or the name of a dataset such as phantom.",
    ),
]
DataOrDemonstration = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        rich_help_panel=DATA,
        autocompletion=complete.data(),
        help="Cases: a folder, a CSV table, an nnU-Net folder, or the name of a dataset. By default the built-in "
        "phantom. The demonstration takes phantom cases on which its models were not trained.",
    ),
]
Split = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=DATA,
        autocompletion=complete.one_of("held-out", "train", "val", "test", "all"),
        help="Which cases are used: held-out (those that no model was trained on), train, val, test or all.",
    ),
]
Noises = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.several_items("perturbations"),
        help="Perturbations, separated by commas; gaussian+blur applies gaussian, then blur. By default gaussian.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.preset(),
        help="Also take the perturbations that suit a kind of image: mri, ct, xray, or all (every perturbation).",
    ),
]
Metrics = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=STATISTICS,
        autocompletion=complete.several_items("metrics"),
        help="Metrics, separated by commas: dice, iou, hd95, hausdorff@99, assd, nsd@2px, ece, ace, brier, nll.",
    ),
]
Levels = Annotated[
    str,
    typer.Option(
        metavar="NUMBERS",
        rich_help_panel=PERTURBATIONS,
        help="Levels from 0 to 100 %, separated by commas; robustq list perturbations says what a level means. "
        "Level 0, no noise, is always measured.",
    ),
]
Draws = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=PERTURBATIONS,
        help="Number of random repetitions of every case at each level above 0.",
    ),
]
DrawsOfKind = Annotated[
    int | None,
    typer.Option(
        "--draws",
        metavar="NUMBER",
        rich_help_panel=PERTURBATIONS,
        help="Number of random repetitions of every case at each level above 0. By default 10 of noise and 1 of an "
        "attack.",
    ),
]
NoiseSeed = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=PERTURBATIONS,
        help="Seed of the noise and of an attack's random start. The same seed gives the same noise again.",
    ),
]
Compat = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.one_of("paper-code"),
        help="paper-code uses the noise formulas of the paper's published code. By default robustq uses its own "
        "formulas, which scale the noise to the intensity range of each image.",
    ),
]
Clip = Annotated[
    bool,
    typer.Option(
        "--clip", rich_help_panel=PERTURBATIONS, help="Limit perturbed values to the intensity range of the image."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=COMPUTE,
        autocompletion=complete.one_of("auto", "cpu", "cuda"),
        help="Where the models run: cpu, cuda, cuda:1 and so on, or auto (cuda if there is a GPU, else cpu).",
    ),
]
NoiseDevice = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=COMPUTE,
        autocompletion=complete.one_of("cpu", "cuda"),
        help="Device that draws the noise: cpu or cuda. The same seed gives different noise on cpu and cuda.",
    ),
]
Executor = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=COMPUTE,
        autocompletion=complete.one_item("executors"),
        help="Where the work is computed: local (this process), processes:4 (four processes of this "
        "machine), ray (Ray workers), or the name of an executor that a plugin brings.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        rich_help_panel=COMPUTE,
        help="Address of the Ray cluster that --executor ray uses. By default RAY_ADDRESS; else Ray is started on this "
        "machine.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=COMPUTE,
        help="Number of images that a model computes at once; rows can then be repeated exactly. By default a short "
        "trial finds the fastest one, at most 16 in 2D and 2 in 3D.",
    ),
]
RunDirectory = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        rich_help_panel=OUTPUT,
        help="Run directory to write; s3://BUCKET/RUN works too. A run that was stopped there continues. By default a "
        "new one in runs/.",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=OUTPUT, help="Print one JSON document at the end instead of tables."),
]
Figures = Annotated[
    str | None,
    typer.Option(
        "--figures",
        metavar="FOLDER",
        rich_help_panel=OUTPUT,
        help="Also draw every figure of the run into this folder, with captions.md.",
    ),
]
FigureFormats = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAMES",
        rich_help_panel=OUTPUT,
        autocompletion=complete.one_of(*FORMATS),
        help="With --figures: file formats, separated by commas: pdf, svg, png. By default pdf,png.",
    ),
]
FigureStyle = Annotated[
    str | None,
    typer.Option(
        "--style",
        metavar="NAME",
        rich_help_panel=OUTPUT,
        autocompletion=complete.one_of(*STYLES),
        help="With --figures: screen, or paper (as wide as a column or two of a printed page, small letters, no "
        "title). By default screen.",
    ),
]


def executor_at(executor: str, address: str | None) -> str:
    """The text of an executor with the address as one of its settings."""
    if address is None:
        return executor
    return f"{executor}{',' if ':' in executor else ':'}address={address}"


def run_directory(out: str | None, command: str) -> RunPath:
    """The run directory that `--out` names; without it, a new one in `runs/`."""
    return Path("runs", f"{command}-{datetime.now():%Y%m%d-%H%M%S}") if out is None else run_path(out)
