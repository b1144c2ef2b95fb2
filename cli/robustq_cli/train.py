"""robustq train: the paper's recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robustq_cli import bundles, complete, console, options
from robustq_cli.command import COMPUTE, MODELS, OUTPUT, examples

if TYPE_CHECKING:
    from robustq.train import Epoch

RECIPE = "Recipe"
"""The panel of the settings of a training."""

EXAMPLES = examples(
    (
        "Train a model and its matched baseline on the same cases",
        "robustq train unet-vq-1024x256.safetensors --data DATA --epochs 100",
        "robustq train unet-identity-256.safetensors --data DATA --epochs 100",
    ),
    (
        "Train the bottleneck alone, inside a network that is trained already",
        "robustq train vq.safetensors --data DATA --freeze encoder,decoder",
    ),
)

Model = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        metavar="FILE",
        rich_help_panel=MODELS,
        help="Model file to train, made by robustq wrap. The file name alone works too.",
    ),
]
Epochs = Annotated[
    int,
    typer.Option(metavar="NUMBER", rich_help_panel=RECIPE, help="Largest number of epochs (passes over the cases)."),
]
Patience = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=RECIPE,
        help="Stop after this many epochs without a better Dice on the validation cases.",
    ),
]
TrainingBatch = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=RECIPE,
        help="Images of a training step. By default the paper's: 10 in 2D and 2 in 3D.",
    ),
]
LearningRate = Annotated[float, typer.Option(metavar="NUMBER", rich_help_panel=RECIPE, help="Learning rate of AdamW.")]
WeightDecay = Annotated[float, typer.Option(metavar="NUMBER", rich_help_panel=RECIPE, help="Weight decay of AdamW.")]
Augmentation = Annotated[
    bool, typer.Option(rich_help_panel="Augmentation", help="Turn, scale and shift the training cases at random.")
]
Freeze = Annotated[
    str | None,
    typer.Option(
        metavar="PARTS",
        rich_help_panel=RECIPE,
        autocompletion=complete.one_of("encoder", "decoder", "encoder,decoder"),
        help="Parts whose weights stay as they are: encoder, decoder, or both. With both, the bottleneck is trained.",
    ),
]
TrainingSeed = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=RECIPE,
        help="Seed of the order of cases and of their augmentation. By default the seed of the fresh weights.",
    ),
]
Validation = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        rich_help_panel=RECIPE,
        help="Share of the cases that choose the best epoch and are not trained on, if the data has no split itself.",
    ),
]
SplitSeed = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=RECIPE,
        help="Seed that chooses these cases. Use the same for models that you compare.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=COMPUTE,
        autocompletion=complete.one_of("auto", "bf16", "fp32"),
        help="Precision of the computation: fp32, bf16, or auto (bf16 where the device computes in it).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=OUTPUT, help="Model file to write. By default NAME-trained.safetensors."
    ),
]


def train(
    data: options.Data,
    models: options.Models = None,
    model: Model = None,
    model_file: options.ModelFile = None,
    epochs: Epochs = 500,
    patience: Patience = 50,
    batch_size: TrainingBatch = None,
    learning_rate: LearningRate = 1e-4,
    weight_decay: WeightDecay = 0.05,
    augmentation: Augmentation = True,
    freeze: Freeze = None,
    seed: TrainingSeed = None,
    validation: Validation = 0.2,
    split_seed: SplitSeed = 0,
    out: Out = None,
    json: options.Json = False,
    device: options.Device = "auto",
    precision: Precision = "auto",
) -> int:
    """Train a model with the paper's recipe.

    The loss is Dice and cross-entropy, and that of the quantiser. The epoch with the best Dice on the validation cases
    is kept. A training that was stopped goes on with the same command.
    """
    source = bundles.one(models, model)

    from robustq.recipe import Recipe
    from robustq.train import train as train_model

    recipe = Recipe(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        augmentation=augmentation,
        patience=patience,
        validation=validation,
        split_seed=split_seed,
        seed=seed,
        freeze=tuple(part.strip() for part in freeze.split(",")) if freeze else (),
        precision=precision,
        device=device,
    )
    target = out or source.with_name(f"{source.stem}-trained.safetensors")
    if target.with_suffix(".resume.pt").exists():
        console.say(f"A training was stopped here. It goes on from {target.with_suffix('.resume.pt')}.")
    segmenter = bundles.open_bundle(source, model_file)
    with console.progress() as bars:
        whole = bars.add_task("epochs", total=epochs)
        inside = bars.add_task("epoch 1", total=None)

        def on_step(step: int, steps: int) -> None:
            bars.update(inside, completed=step, total=steps)

        def on_epoch(epoch: "Epoch") -> None:
            bars.console.print(_epoch_line(epoch), soft_wrap=True)
            bars.update(whole, completed=epoch.epoch)
            bars.reset(inside, description=f"epoch {epoch.epoch + 1}")

        trained = train_model(segmenter, data, target, recipe, on_step=on_step, on_epoch=on_epoch)
    record = trained.spec.training or {}
    status = console.say_left_out(record["failures"])
    if json:
        console.print_json({"file": str(target), "training": record})
        return status
    own = "" if model_file is None else f" --model-file {model_file}"
    console.print_pairs(
        _summary(record, target)
        | {"next": f"robustq stress --model {target}{own} --data {data} --noise gaussian --levels 0,1,10,20,30"}
    )
    return status


def _epoch_line(epoch: "Epoch") -> str:
    codes = (
        "" if epoch.codes_in_use is None else f", {epoch.codes_in_use} codes in use, perplexity {epoch.perplexity:.1f}"
    )
    return (
        f"epoch {epoch.epoch}: loss {epoch.loss:.4f}, of which quantiser {epoch.quantiser_loss:.4f}; "
        f"validation Dice {epoch.validation_dice:.4f}{codes} ({epoch.seconds:.0f} s)"
    )


def _summary(record: dict[str, Any], target: Path) -> dict[str, str]:
    lines = {
        "epochs": f"{record['epochs']}, best {record['best_epoch']}",
        "validation Dice": f"{record['validation_dice']:.4f} on {len(record['validation_cases'])} cases",
        "trained on": f"{len(record['training_cases'])} cases of {record['dataset']}",
    }
    if record["codes_in_use"] is not None:
        lines["codes in use"] = (
            f"{record['codes_in_use']} on the validation cases, perplexity {record['perplexity']:.1f} "
            "(as many codes used equally often would be as varied)"
        )
    return lines | {"written": str(target), "history": str(target.with_suffix(".history.csv"))}
