"""The command robustq stress, which scores every model on the same cases, perturbed at several levels."""

import shlex
from typing import Annotated

import typer

from robustq.request.decode import MAP, NEAREST, check_decode
from robustq.request.draws import most_draws, parse_draws
from robustq.request.figures import parse_figures
from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations, canonical_attack
from robustq.request.severity import parse_severity
from robustq_cli import bundles, complete, console, options
from robustq_cli.command import COMPUTE, DATA, MODELS, OUTPUT, PERTURBATIONS, STATISTICS, examples
from robustq_cli.draw_figures import draw_figures
from robustq_cli.leave_page import leave_page

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
        help="Precision of the computation: fp32, bf16, fp16, or auto (bf16 on a GPU that supports it, else fp32).",
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

LevelsOrDefault = Annotated[
    str | None,
    typer.Option(
        "--levels",
        metavar="NUMBERS",
        rich_help_panel=PERTURBATIONS,
        help="Levels from 0 to 100 %, separated by commas; robustq list perturbations says what a level means. "
        "Level 0, no noise, is always measured. By default 0,1,10,20,30.",
    ),
]
SeverityAsked = Annotated[
    str | None,
    typer.Option(
        "--severity",
        metavar="TARGETS",
        rich_help_panel=PERTURBATIONS,
        help="Image quality instead of levels, as in ssim:0.95,0.9 or psnr:30,25 or snr:20,10 (dB): each case gets the "
        "level that gives this quality. dose:0.5,0.25 gives gaussian noise as of a scan at this share of the dose.",
    ),
]
QualityRows = Annotated[
    bool,
    typer.Option(
        "--quality",
        rich_help_panel=STATISTICS,
        help="Also measure SSIM, PSNR and SNR of every perturbed image beside the unperturbed one.",
    ),
]
WithoutLabels = Annotated[
    bool,
    typer.Option(
        "--without-labels",
        rich_help_panel=DATA,
        help="For images that have no masks: compare each answer with the model's own answer to the unperturbed image, "
        "by --metrics and by volume. This does not say whether answers are right.",
    ),
]


Decode = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=MODELS,
        autocompletion=complete.one_of(NEAREST, MAP),
        help="How tokens get their codes: nearest (the nearest code), or map, which also measures a variant NAME@map "
        "of each model that has a prior: its codes are chosen by distance and prior together.",
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
    without_labels: WithoutLabels = False,
    split: options.Split = "held-out",
    noise: options.Noises = None,
    preset: options.Preset = None,
    attack: Attacks = None,
    transfer_from: TransferFrom = None,
    levels: LevelsOrDefault = None,
    severity: SeverityAsked = None,
    draws: DrawsOrAuto = None,
    max_draws: MaxDraws = None,
    seed: options.NoiseSeed = 0,
    compat: options.Compat = None,
    clip: options.Clip = False,
    metrics: options.Metrics = "dice",
    quality: QualityRows = False,
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
    decode: Decode = NEAREST,
    profile: ProfileTime = False,
) -> int:
    """Add noise to images, or attack them, and print how scores fall.

    All models see the same perturbed cases. Without models, the demonstration runs: two small models that come
    with robustq, on the phantom.
    """
    # Wrong options are refused here, before the slow import of torch.
    figure_request = parse_figures(figures, formats, style)
    parsed_levels = None if levels is None else parse_levels(levels)
    if severity is not None:
        parse_severity(severity)
    parsed_draws = None if draws is None else parse_draws(draws)
    most_draws(parsed_draws, max_draws)
    check_decode(decode)
    attacks = [canonical_attack(name) for names in attack or [] for name in names.split(",")]
    noise_names = None if attacks and not noise and preset is None else asked_perturbations(noise, preset)
    paths = bundles.named(models, model)
    target = options.run_directory(out, "stress")

    from robustq.results.stress_overview import stress_overview
    from robustq.run.stress import stress as stress_models

    models_by_name = bundles.open_bundles(paths, model_file)
    with console.pieces(out, target) as on_progress:
        run = stress_models(
            models_by_name,
            data,
            noise=noise_names,
            attack=attacks,
            transfer_from=transfer_from,
            levels=parsed_levels,
            severity=severity,
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
            without_labels=without_labels,
            quality=quality,
            decode=decode,
            images=not without_images,
            on_note=console.say,
            on_profile=(lambda spent: console.say_lines(str(spent))) if profile else None,
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
            console.say(f"Every verdict, and tables with every level: robustq show {shlex.quote(str(target))}.")
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
