"""robustq minimal: the smallest level at which Dice falls below a threshold."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robustq.errors import RequestError
from robustq.naming import canonical_attack, canonical_perturbation
from robustq_cli import bundles, console


def minimal(
    models: Annotated[list[Path] | None, typer.Argument(metavar="MODEL...", help="Bundles, side by side.")] = None,
    model_file: bundles.ModelFile = None,
    data: Annotated[str, typer.Option(help="Folder, CSV, nnU-Net folder or a dataset's name.")] = "phantom",
    noise: Annotated[str | None, typer.Option(help="One perturbation, or a chain as gaussian+blur.")] = None,
    attack: Annotated[str | None, typer.Option(help="Or one attack: fgsm, pgd, segpgd, pgd@l2, ...")] = None,
    below: Annotated[float, typer.Option(help="The Dice to fall below.")] = 0.5,
    resolution: Annotated[float, typer.Option(help="How closely the level is searched, in percentage points.")] = 0.1,
    draws: Annotated[int, typer.Option(help="Random realisations of each level.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    split: Annotated[
        str, typer.Option(help="held-out leaves out what any model was trained on; or train, val, test, all.")
    ] = "held-out",
    clip: Annotated[bool, typer.Option("--clip", help="Bring perturbed values back into the range.")] = False,
    out: Annotated[Path | None, typer.Option(help="Run directory; a killed search there goes on.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the table.")] = False,
) -> int:
    """Search, case by case, the smallest level at which Dice falls below a threshold; killed, it goes on."""
    # What the words alone show to be wrong is answered before torch is imported.
    if (noise is None) == (attack is None):
        raise RequestError("minimal takes one of --noise NAME and --attack NAME, such as --noise gaussian")
    if "," in (noise or attack or ""):
        raise RequestError(f"minimal searches one at a time, and {noise or attack!r} names several: a chain is a+b")
    name = canonical_perturbation(noise) if noise is not None else canonical_attack(attack or "")
    bundles.check_files(models)

    from robustq.minimal_levels import minimal_levels

    opened = bundles.open_bundles(models, model_file)
    target = out or Path("runs") / f"minimal-{datetime.now():%Y%m%d-%H%M%S}"
    with console.progress() as bars:
        found = minimal_levels(
            opened,
            data,
            name,
            threshold=below,
            resolution=resolution,
            draws=draws,
            seed=seed,
            split=split,
            clip=clip,
            out=target,
            device=device,
            on_progress=console.Pieces(bars, None if out else target),
        )
    if json:
        console.print_json(found.summary())
    else:
        console.print_table(found.grid().to_rich())
        console.say(f"rows and summary: {target}")
    for case, reason in found.failures.items():
        console.say(f"left out {case}: {reason}")
    return 3 if found.failures else 0
