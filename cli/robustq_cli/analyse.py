"""robustq analyse: why is it robust, or not."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robustq import registry
from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations
from robustq_cli import bundles, console, options


def analyse(
    models: options.Models = None,
    model_file: options.ModelFile = None,
    data: options.Data = "phantom",
    check: Annotated[
        str, typer.Option(help="By commas: codebook, latent-variance, liveness, occupancy, taylor, or all.")
    ] = "all",
    noise: options.Noises = None,
    preset: options.Preset = None,
    levels: options.Levels = "1,10,20,30",
    draws: options.Draws = 100,
    seed: options.NoiseSeed = 0,
    split: options.Split = "held-out",
    compat: options.Compat = None,
    clip: options.Clip = False,
    batch_size: Annotated[int | None, typer.Option(help="Images an encoder pass; 16 in 2D, 2 in 3D.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; a killed analysis there goes on.")] = None,
    device: options.Device = "auto",
    noise_device: options.NoiseDevice = "cpu",
    json: options.Json = False,
) -> int:
    """Analyse what noise does to the latents of models, and print them side by side."""
    # What the words alone show to be wrong is answered before torch is imported.
    asked = parse_levels(levels)
    names = asked_perturbations(noise, preset)
    for text in check.split(","):
        if text.strip() != "all":
            registry.canonical("analysers", text.strip().partition("@")[0])
    bundles.check_files(models)

    from robustq.run.analyse import analyse as analyse_models

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
