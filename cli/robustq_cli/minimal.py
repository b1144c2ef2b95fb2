"""The command robustq minimal, which searches the smallest level at which Dice falls below a threshold."""

from typing import Annotated

import typer

from robustq.errors import RequestError
from robustq.request.figures import parse_figures
from robustq.request.names import canonical_attack, canonical_perturbation
from robustq_cli import bundles, complete, console, options
from robustq_cli.command import COMPUTE, PERTURBATIONS, STATISTICS, examples
from robustq_cli.draw_figures import draw_figures

EXAMPLES = examples(
    (
        "How much gaussian noise it takes until Dice falls below 0.5",
        "robustq minimal *-trained.safetensors --data DATA --noise gaussian",
    ),
    (
        "How strong an attack must be",
        "robustq minimal --model vq.safetensors --data DATA --attack pgd",
    ),
)

Noise = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.one_item("perturbations"),
        help="One perturbation; gaussian+blur applies gaussian, then blur. Give this or --attack.",
    ),
]
Attack = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.one_item("attacks"),
        help="One attack: fgsm, pgd, segpgd, bpda, apgd or square. pgd@l2 bounds the whole change (L2) instead of each "
        "value.",
    ),
]
Below = Annotated[
    float,
    typer.Option(
        metavar="NUMBER", rich_help_panel=STATISTICS, help="A case fails if its Dice is below this number (0 to 1)."
    ),
]
Resolution = Annotated[
    float,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=STATISTICS,
        help="The search stops when the level is known to within this many percentage points.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=COMPUTE,
        help="Number of images that a model computes at once; rows can then be repeated exactly. By default one draw "
        "at a time, of a volume 16 slices or windows in 2D and 2 windows in 3D.",
    ),
]


def minimal(
    models: options.Models = None,
    model: options.Model = None,
    model_file: options.ModelFile = None,
    data: options.DataOrDemonstration = None,
    split: options.Split = "held-out",
    noise: Noise = None,
    attack: Attack = None,
    draws: options.DrawsOfKind = None,
    seed: options.NoiseSeed = 0,
    clip: options.Clip = False,
    below: Below = 0.5,
    resolution: Resolution = 0.1,
    out: options.RunDirectory = None,
    figures: options.Figures = None,
    formats: options.FigureFormats = None,
    style: options.FigureStyle = None,
    json: options.Json = False,
    device: options.Device = "auto",
    executor: options.Executor = "local",
    address: options.Address = None,
    batch_size: BatchSize = None,
) -> int:
    """Search the smallest noise level that makes each case fail.

    A case fails at a level where its Dice is below a threshold. The tables show the medians over patients.
    """
    # Wrong options are refused here, before the slow import of torch.
    figure_request = parse_figures(figures, formats, style)
    if (noise is None) == (attack is None):
        raise RequestError("minimal takes either --noise NAME or --attack NAME: give one, such as --noise gaussian")
    if "," in (noise or attack or ""):
        raise RequestError(
            f"minimal searches one perturbation or attack at a time, but {noise or attack!r} names several: give one, "
            "or a chain of perturbations such as gaussian+blur"
        )
    name = canonical_perturbation(noise) if noise is not None else canonical_attack(attack or "")
    paths = bundles.named(models, model)
    target = options.run_directory(out, "minimal")

    from robustq.run.minimal_levels import minimal_levels

    models_by_name = bundles.open_bundles(paths, model_file)
    with console.pieces(out, target) as on_progress:
        minimal_run = minimal_levels(
            models_by_name,
            data,
            name,
            threshold=below,
            resolution=resolution,
            draws=draws,
            seed=seed,
            split=split,
            clip=clip,
            batch_size=batch_size,
            out=target,
            device=device,
            executor=options.executor_at(executor, address),
            on_progress=on_progress,
        )
    if json:
        console.print_json(minimal_run.summary())
    else:
        for grid in minimal_run.grids():
            console.print_table(grid.to_rich())
        console.say(f"Rows and summary are in {target}.")
    draw_figures(target, figure_request)
    console.say_remarks(minimal_run.data_remarks)
    return console.say_left_out(minimal_run.failures)
