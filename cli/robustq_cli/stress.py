"""robustq stress: the same perturbed cases for every model, at graded levels."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations, canonical_attack
from robustq_cli import bundles, console, options


def stress(
    model: Annotated[
        list[Path] | None, typer.Option(help="Bundle to stress; give several to set them side by side.")
    ] = None,
    model_file: options.ModelFile = None,
    data: Annotated[
        str | None,
        typer.Option(help="Folder, CSV, nnU-Net folder or a dataset's name; phantom by default."),
    ] = None,
    noise: options.Noises = None,
    preset: options.Preset = None,
    attack: Annotated[
        list[str] | None,
        typer.Option(help="fgsm, pgd, segpgd or bpda; pgd@l2 in L2, pgd@40 in 40 steps, pgd@l2-40; several by commas."),
    ] = None,
    transfer_from: Annotated[
        str | None, typer.Option(help="Model whose attacks the others are shown too; the matched baseline.")
    ] = None,
    levels: options.Levels = "0,1,10,20,30",
    draws: options.Draws = 10,
    seed: options.NoiseSeed = 0,
    metrics: Annotated[str, typer.Option(help="By commas: dice, iou, hd95, hausdorff@99, assd, nsd@2px.")] = "dice",
    missing: Annotated[str, typer.Option(help="Distance to a missed structure: diagonal, inf or drop.")] = "diagonal",
    split: options.Split = "held-out",
    compat: options.Compat = None,
    clip: options.Clip = False,
    batch_size: Annotated[int | None, typer.Option(help="Images a forward pass; 16 in 2D, 2 in 3D.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; a killed run there goes on.")] = None,
    device: options.Device = "auto",
    noise_device: options.NoiseDevice = "cpu",
    precision: Annotated[str, typer.Option(help="fp32, bf16, fp16 or auto.")] = "fp32",
    json: options.Json = False,
) -> int:
    """Stress models with graded noise, or with attacks, and print them side by side."""
    # What the words alone show to be wrong is answered before torch is imported.
    asked = parse_levels(levels)
    attacks = [canonical_attack(part) for text in attack or [] for part in text.split(",")]
    names = None if attacks and not noise and preset is None else asked_perturbations(noise, preset)
    bundles.check_files(model)

    from robustq.run.stress import stress as stress_models

    opened = bundles.open_bundles(model, model_file)
    target = out or Path("runs") / f"stress-{datetime.now():%Y%m%d-%H%M%S}"
    with console.progress() as bars:
        on_progress = console.Pieces(bars, None if out else target)
        run = stress_models(
            opened,
            data,
            noise=names,
            attack=attacks,
            transfer_from=transfer_from,
            levels=asked,
            draws=draws,
            seed=seed,
            metrics=metrics,
            missing=missing,
            split=split,
            compat=compat,
            clip=clip,
            batch_size=batch_size,
            out=target,
            device=device,
            noise_device=noise_device,
            precision=precision,
            on_progress=on_progress,
        )
    run.draw()
    if json:
        console.print_json(run.summary())
    else:
        for metric in run.metrics:
            console.print_table(run.table(metric))
        console.say(f"rows, summary and curves: {target}")
    for case, reason in run.failures.items():
        console.say(f"left out {case}: {reason}")
    return 3 if run.failures else 0
