"""The command robustq analyse, which looks inside models to see why they are robust or not."""

from typing import Annotated

import typer

from robustq.request.checks import parse_checks
from robustq.request.figures import parse_figures
from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations
from robustq_cli import bundles, complete, console, options
from robustq_cli.command import OUTPUT, PERTURBATIONS, STATISTICS, examples
from robustq_cli.draw_figures import draw_figures
from robustq_cli.leave_page import leave_page

EXAMPLES = examples(
    (
        "Why one model keeps its scores and the other does not",
        "robustq analyse *-trained.safetensors --data DATA --noise gaussian",
    ),
    (
        "The codebook alone, added to the run directory of robustq stress",
        "robustq analyse --model vq.safetensors --check codebook --out runs/first",
    ),
)

Check = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=STATISTICS,
        autocompletion=complete.several_items("analysers", "all"),
        help="Analyses, separated by commas: codebook, conformal, failure, latent-variance, likelihood, liveness, "
        "occupancy, pathways, taylor, or all of these; certified, which takes long, is asked for by name. robustq list "
        "analysers says what each one does.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=PERTURBATIONS,
        help="Seed of the noise. The same seed gives the same noise again.",
    ),
]
Details = Annotated[
    bool,
    typer.Option("--details", rich_help_panel=OUTPUT, help="Print every table of each check, and not only its first."),
]


def analyse(
    models: options.Models = None,
    model: options.Model = None,
    model_file: options.ModelFile = None,
    data: options.DataOrDemonstration = None,
    split: options.Split = "held-out",
    noise: options.Noises = None,
    preset: options.Preset = None,
    levels: options.Levels = "1,10,20,30",
    draws: options.Draws = 100,
    seed: Seed = 0,
    compat: options.Compat = None,
    clip: options.Clip = False,
    check: Check = "all",
    details: Details = False,
    out: options.RunDirectory = None,
    figures: options.Figures = None,
    formats: options.FigureFormats = None,
    style: options.FigureStyle = None,
    json: options.Json = False,
    device: options.Device = "auto",
    executor: options.Executor = "local",
    address: options.Address = None,
    noise_device: options.NoiseDevice = "cpu",
    batch_size: options.BatchSize = None,
) -> int:
    """Look inside models to see what noise does at the bottleneck.

    The results say why a model is robust or not. Without models, the demonstration runs: two small models that come
    with robustq, on the phantom.
    """
    # Wrong options are refused here, before the slow import of torch.
    figure_request = parse_figures(figures, formats, style)
    parsed_levels = parse_levels(levels)
    noise_names = asked_perturbations(noise, preset)
    parse_checks(check)
    paths = bundles.named(models, model)
    target = options.run_directory(out, "analyse")

    from robustq.run.analyse import analyse as analyse_models

    models_by_name = bundles.open_bundles(paths, model_file)
    with console.pieces(out, target) as on_progress:
        analysis = analyse_models(
            models_by_name,
            data,
            check=check,
            noise=noise_names,
            levels=parsed_levels,
            draws=draws,
            seed=seed,
            split=split,
            compat=compat,
            clip=clip,
            batch_size=batch_size,
            out=target,
            device=device,
            executor=options.executor_at(executor, address),
            noise_device=noise_device,
            on_verdict=console.say,
            on_note=console.say,
            on_progress=on_progress,
        )
    if json:
        console.print_json(analysis.summary())
    else:
        console.print_sentences(analysis.conclusions())
        for table in analysis.tables(details=details):
            console.print_table(table)
        if not details:
            console.say("Further tables: the same command with --details and the same --out.")
        for sentence in analysis.undrawable():
            console.say(sentence)
        console.say(f"Rows, summary and figures are in {target}.")
    draw_figures(target, figure_request)
    leave_page(target, "analysis")
    console.say_remarks(analysis.data_remarks)
    return console.say_left_out(analysis.failures)
