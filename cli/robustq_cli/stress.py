"""The command robustq stress, which scores every model on the same cases, perturbed at several levels."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robustq.request.draws import most_draws, parse_draws
from robustq.request.figures import parse_figures
from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations, canonical_attack
from robustq_cli import bundles, complete, console, options
from robustq_cli.command import COMPUTE, OUTPUT, PERTURBATIONS, STATISTICS, examples
from robustq_cli.draw_figures import draw_figures
from robustq_cli.leave_page import leave_page
from robustq_cli.signals import PieceInHand

EXAMPLES = examples(
    (
        "Several models side by side, under two kinds of noise",
        "robustq stress *-trained.safetensors --data DATA --noise gaussian,poisson",
    ),
    (
        "An attack on one model; attacks need small levels",
        "robustq stress --model vq.safetensors --data DATA --attack pgd --levels 0.5,1",
    ),
)

Attacks = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.several_items("attacks"),
        help="Attacks, separated by commas: fgsm, pgd, segpgd, bpda, apgd, and square, which follows no gradient. "
        "pgd@l2 bounds the whole change (L2) instead of each value, pgd@40 takes 40 steps, pgd@l2-40 does both; "
        "square@queries=200 takes 200 passes.",
    ),
]
TransferFrom = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PERTURBATIONS,
        help="Model whose attacks the other models are shown too. By default the matched baseline (wrapped with "
        "identity:D), if there is one.",
    ),
]
DrawsOrAuto = Annotated[
    str | None,
    typer.Option(
        "--draws",
        metavar="NUMBER",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.one_of("auto"),
        help="Number of random repetitions of every case at each level above 0. By default 10 of noise and 1 of an "
        "attack. auto gives each level as many as its means need, 4 or more.",
    ),
]
MaxDraws = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=PERTURBATIONS,
        help="Largest number of repetitions that --draws auto gives a level. By default 100.",
    ),
]
Missing = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        autocompletion=complete.one_of("diagonal", "inf", "drop"),
        help="Distance given to a structure that a model misses completely: diagonal (the longest distance in "
        "the image), inf (infinite) or drop (the missed structure is left out of the mean).",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=COMPUTE,
        autocompletion=complete.one_of("auto", "bf16", "fp16", "fp32"),
        help="Precision of the computation: fp32, bf16, fp16, or auto (bf16 if the device supports it, else fp32).",
    ),
]
WithoutImages = Annotated[
    bool,
    typer.Option(
        "--without-images",
        rich_help_panel=OUTPUT,
        help="Keep no images of cases. By default, those of the six worst cases are kept in the run directory and "
        "shown on its page.",
    ),
]
Details = Annotated[
    bool,
    typer.Option(
        "--details",
        rich_help_panel=OUTPUT,
        help="Print a verdict under each perturbation and the table of each metric with every level, and not only the "
        "overview.",
    ),
]

ProfileTime = Annotated[
    bool,
    typer.Option(
        "--profile",
        rich_help_panel=COMPUTE,
        help="At the end, print where the time went, and how long the passes alone take.",
    ),
]


def stress(
    models: options.Models = None,
    model: options.Model = None,
    model_file: options.ModelFile = None,
    data: options.DataOrDemonstration = None,
    split: options.Split = "held-out",
    noise: options.Noises = None,
    preset: options.Preset = None,
    attack: Attacks = None,
    transfer_from: TransferFrom = None,
    levels: options.Levels = "0,1,10,20,30",
    draws: DrawsOrAuto = None,
    max_draws: MaxDraws = None,
    seed: options.NoiseSeed = 0,
    compat: options.Compat = None,
    clip: options.Clip = False,
    metrics: options.Metrics = "dice",
    missing: Missing = "diagonal",
    out: options.RunDirectory = None,
    details: Details = False,
    without_images: WithoutImages = False,
    figures: options.Figures = None,
    formats: options.FigureFormats = None,
    style: options.FigureStyle = None,
    json: options.Json = False,
    device: options.Device = "auto",
    executor: options.Executor = "local",
    address: options.Address = None,
    noise_device: options.NoiseDevice = "cpu",
    batch_size: options.BatchSize = None,
    precision: Precision = "fp32",
    profile: ProfileTime = False,
) -> int:
    """Add noise to images, or attack them, and print how scores fall.

    All models see the same perturbed cases. Without models, the demonstration runs: two small models that come
    with robustq, on the phantom.
    """
    # Wrong options are refused here, before the slow import of torch.
    figure_request = parse_figures(figures, formats, style)
    parsed_levels = parse_levels(levels)
    parsed_draws = None if draws is None else parse_draws(draws)
    most_draws(parsed_draws, max_draws)
    attacks = [canonical_attack(name) for names in attack or [] for name in names.split(",")]
    noise_names = None if attacks and not noise and preset is None else asked_perturbations(noise, preset)
    paths = bundles.named(models, model)

    from robustq.results.stress_overview import stress_overview
    from robustq.run.stress import stress as stress_models

    models_by_name = bundles.open_bundles(paths, model_file)
    target = out or Path("runs") / f"stress-{datetime.now():%Y%m%d-%H%M%S}"
    with console.progress() as bars, PieceInHand() as hand:
        on_progress = console.Pieces(bars, None if out else target, hand.written)
        run = stress_models(
            models_by_name,
            data,
            noise=noise_names,
            attack=attacks,
            transfer_from=transfer_from,
            levels=parsed_levels,
            draws=parsed_draws,
            max_draws=max_draws,
            seed=seed,
            metrics=metrics,
            missing=missing,
            split=split,
            compat=compat,
            clip=clip,
            batch_size=batch_size,
            out=target,
            device=device,
            executor=options.executor_at(executor, address),
            noise_device=noise_device,
            precision=precision,
            images=not without_images,
            on_note=console.say,
            on_profile=(lambda found: console.say(str(found))) if profile else None,
            on_progress=on_progress,
        )
    if json:
        console.print_json(run.summary())
    else:
        console.print_overview(stress_overview(run, details=details))
        if details:
            for grid in run.grids():
                console.print_table(grid.to_rich())
        else:
            console.say(f"Every verdict, and tables with every level: robustq show {target}.")
    # After the tables, so that a figure that cannot be written costs nothing.
    from robustq.results.figures import keep_figures

    for note in keep_figures(run):
        console.say(note)
    draw_figures(target, figure_request)
    if not json:
        console.say(f"Rows, summary and curves are in {target}.")
    leave_page(target, "stress", "compare", images=not without_images)
    console.say_remarks(run.data_remarks)
    return console.say_left_out(run.failures)
