"""Options that several commands take, in the same words."""

from pathlib import Path
from typing import Annotated

import typer

Models = Annotated[list[Path] | None, typer.Argument(metavar="MODEL...", help="Bundles, side by side.")]
ModelFile = Annotated[
    str | None,
    typer.Option(
        "--model-file",
        metavar="FILE.py:FUNCTION",
        help="For bundles that were wrapped from your own network: where it comes from; the file is executed.",
    ),
]
Data = Annotated[str, typer.Option(help="Folder, CSV, nnU-Net folder or a dataset's name, such as phantom.")]
Noises = Annotated[
    list[str] | None,
    typer.Option(help="Perturbation, gaussian by default; several by commas, a chain as gaussian+blur."),
]
Preset = Annotated[
    str | None, typer.Option(help="Perturbations of a modality, besides those named: mri, ct, xray or all.")
]
Levels = Annotated[str, typer.Option(help="Percentages.")]
Draws = Annotated[int, typer.Option(help="Random realisations of each level above 0.")]
NoiseSeed = Annotated[int, typer.Option(help="Of the noise, and of an attack's random start.")]
Split = Annotated[
    str, typer.Option(help="held-out leaves out what any model was trained on; or train, val, test, all.")
]
Compat = Annotated[str | None, typer.Option(help="paper-code: the formulas of the paper's published code.")]
Clip = Annotated[bool, typer.Option("--clip", help="Bring perturbed values back into the range.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
NoiseDevice = Annotated[str, typer.Option(help="cpu; cuda is another stream of noise.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
