"""The command robustq shift, which tests models away from the domain that they were trained on."""

import shlex
from typing import Annotated

import typer

from robustq.errors import RequestError
from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations
from robustq_cli import bundles, complete, console, options
from robustq_cli.command import DATA, PERTURBATIONS, STATISTICS, examples

EXAMPLES = examples(
    (
        "Models of one hospital, tested at another",
        "robustq shift vq.safetensors --data montgomery --data shenzhen",
    ),
    (
        "A simulated shift: the same cases, blurred",
        "robustq shift vq.safetensors --data DATA --noise blur --levels 20",
    ),
)

Datasets = Annotated[
    list[str],
    typer.Option(
        "--data",
        metavar="DATA",
        rich_help_panel=DATA,
        autocompletion=complete.data(),
        help="Cases, as of robustq stress. Repeat the option for several hospitals or scanners; a folder with one "
        "folder for each works too.",
    ),
]
Noises = Annotated[
    list[str] | None,
    typer.Option(
        "--noise",
        metavar="NAMES",
        rich_help_panel=PERTURBATIONS,
        autocompletion=complete.several_items("perturbations"),
        help="Perturbations that simulate a shift, separated by commas; gaussian+blur applies gaussian, then blur. By "
        "default none.",
    ),
]
Levels = Annotated[
    str | None,
    typer.Option(
        "--levels",
        metavar="NUMBERS",
        rich_help_panel=PERTURBATIONS,
        help="Levels of the simulated shifts, in percent, separated by commas.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=STATISTICS,
        help="Architecture whose drop is subtracted from that of the others, as the table names it, such as "
        "'unet none'.",
    ),
]


def shift(
    models: options.Models = None,
    model: options.Model = None,
    model_file: options.ModelFile = None,
    data: Datasets = [],  # noqa: B006 - typer's way to say that an option may be repeated
    split: options.Split = "held-out",
    noise: Noises = None,
    levels: Levels = None,
    draws: options.DrawsOfKind = None,
    seed: options.NoiseSeed = 0,
    metrics: options.Metrics = "dice,hd95",
    baseline: Baseline = None,
    out: options.RunDirectory = None,
    json: options.Json = False,
    device: options.Device = "auto",
    executor: options.Executor = "local",
    batch_size: options.BatchSize = None,
) -> int:
    """Test models on the domain that they were trained on, and on others.

    The tables show each architecture in its training domain and away from it, and what it loses, as Table 2 of the
    paper; then the share of tokens that lie far from their code in each domain. Training seeds are averaged.
    """
    # Wrong options are refused here, before the slow import of torch.
    if not data:
        raise RequestError("shift needs --data: give it twice, once for each hospital or scanner")
    parsed_levels = () if levels is None else parse_levels(levels)
    names = [] if noise is None else asked_perturbations(noise)
    paths = bundles.named(models, model)
    target = options.run_directory(out, "shift")

    from robustq.run.shift import shift as run_shift

    models_by_name = bundles.open_bundles(paths, model_file)
    if not models_by_name:
        raise RequestError("shift needs models: name the model files that robustq train wrote")
    with console.pieces(out, target) as on_progress:
        result = run_shift(
            models_by_name,
            data,
            noise=names,
            levels=parsed_levels,
            draws=draws,
            seed=seed,
            metrics=metrics,
            split=split,
            batch_size=batch_size,
            out=target,
            device=device,
            executor=executor,
            on_progress=on_progress,
        )
    grids = result.grids(baseline)
    if json:
        console.print_json(result.summary(baseline))
    else:
        for grid in grids:
            console.print_table(grid.to_rich())
        drawn_by = f"robustq report {shlex.quote(str(target))}"
        console.say(f"Rows are in {target}. It is the directory of a stress run: {drawn_by} draws it.")
    return console.say_left_out(result.run.failures)
