"""robustq analyse: why is it robust, or not."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robustq import registry
from robustq.levels import parse_levels
from robustq.naming import asked_perturbations
from robustq_cli import bundles, console


def analyse(
    models: Annotated[list[Path] | None, typer.Argument(metavar="MODEL...", help="Bundles, side by side.")] = None,
    model_file: bundles.ModelFile = None,
    data: Annotated[str, typer.Option(help="Folder, CSV, nnU-Net folder or a dataset's name.")] = "phantom",
    check: Annotated[
        str, typer.Option(help="By commas: codebook, latent-variance, liveness, occupancy, taylor, or all.")
    ] = "all",
    noise: Annotated[
        list[str] | None,
        typer.Option(help="Perturbation, gaussian by default; several by commas, a chain as gaussian+blur."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Perturbations of a modality, besides those named: mri, ct, xray or all.")
    ] = None,
    levels: Annotated[str, typer.Option(help="Percentages.")] = "1,10,20,30",
    draws: Annotated[int, typer.Option(help="Random realisations of each level.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    split: Annotated[
        str, typer.Option(help="held-out leaves out what any model was trained on; or train, val, test, all.")
    ] = "held-out",
    compat: Annotated[str | None, typer.Option(help="paper-code: the formulas of the paper's published code.")] = None,
    clip: Annotated[bool, typer.Option("--clip", help="Bring perturbed values back into the range.")] = False,
    batch_size: Annotated[int | None, typer.Option(help="Images an encoder pass; 16 in 2D, 2 in 3D.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; a killed analysis there goes on.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    noise_device: Annotated[str, typer.Option(help="cpu; cuda is another stream of noise.")] = "cpu",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
) -> int:
    """Analyse what noise does to the latents of models, and print them side by side."""
    # What the words alone show to be wrong is answered before torch is imported.
    asked = parse_levels(levels)
    names = asked_perturbations(noise, preset)
    for text in check.split(","):
        if text.strip() != "all":
            registry.canonical("analysers", text.strip().partition("@")[0])
    bundles.check_files(models)

    from robustq.analyse import analyse as analyse_models

    opened = bundles.open_bundles(models, model_file)
    target = out or Path("runs") / f"analyse-{datetime.now():%Y%m%d-%H%M%S}"
    with console.progress() as bars:
        on_progress = console.Pieces(bars, None if out else target)
        analysis = analyse_models(
            opened,
            data,
            check=check,
            noise=names,
            levels=asked,
            draws=draws,
            seed=seed,
            split=split,
            compat=compat,
            clip=clip,
            batch_size=batch_size,
            out=target,
            device=device,
            noise_device=noise_device,
            on_verdict=console.say,
            on_progress=on_progress,
        )
    if json:
        console.print_json(analysis.summary())
    else:
        for table in analysis.tables():
            console.print_table(table)
        console.say(f"rows, summary and figures: {target}")
    for case, reason in analysis.failures.items():
        console.say(f"left out {case}: {reason}")
    return 3 if analysis.failures else 0
