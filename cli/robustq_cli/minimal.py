"""robustq minimal: the smallest level at which Dice falls below a threshold."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robustq.errors import RequestError
from robustq.request.names import canonical_attack, canonical_perturbation
from robustq_cli import bundles, console, options


def minimal(
    models: options.Models = None,
    model_file: options.ModelFile = None,
    data: options.Data = "phantom",
    noise: Annotated[str | None, typer.Option(help="One perturbation, or a chain as gaussian+blur.")] = None,
    attack: Annotated[str | None, typer.Option(help="Or one attack: fgsm, pgd, segpgd, bpda, pgd@l2, ...")] = None,
    below: Annotated[float, typer.Option(help="The Dice to fall below.")] = 0.5,
    resolution: Annotated[float, typer.Option(help="How closely the level is searched, in percentage points.")] = 0.1,
    draws: options.Draws = 10,
    seed: options.NoiseSeed = 0,
    split: options.Split = "held-out",
    clip: options.Clip = False,
    out: Annotated[Path | None, typer.Option(help="Run directory; a killed search there goes on.")] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> int:
    """Search, case by case, the smallest level at which Dice falls below a threshold; killed, it goes on."""
    # What the words alone show to be wrong is answered before torch is imported.
    if (noise is None) == (attack is None):
        raise RequestError("minimal takes one of --noise NAME and --attack NAME, such as --noise gaussian")
    if "," in (noise or attack or ""):
        raise RequestError(f"minimal searches one at a time, and {noise or attack!r} names several: a chain is a+b")
    name = canonical_perturbation(noise) if noise is not None else canonical_attack(attack or "")
    bundles.check_files(models)

    from robustq.run.minimal_levels import minimal_levels

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
