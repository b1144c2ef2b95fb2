"""robustq train: the paper's recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustq_cli import bundles, console, options
from robustq_cli import train_options as asked
from robustq_cli.command import examples

if TYPE_CHECKING:
    from robustq.training.train import Epoch

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


def train(
    data: options.Data,
    models: options.Models = None,
    model: asked.Model = None,
    model_file: options.ModelFile = None,
    epochs: asked.Epochs = 500,
    patience: asked.Patience = 50,
    batch_size: asked.BatchSize = None,
    learning_rate: asked.LearningRate = 1e-4,
    weight_decay: asked.WeightDecay = 0.05,
    augmentation: asked.Augmentation = True,
    freeze: asked.Freeze = None,
    seed: asked.Seed = None,
    validation: asked.Validation = 0.2,
    split_seed: asked.SplitSeed = 0,
    out: asked.Out = None,
    json: options.Json = False,
    device: options.Device = "auto",
    precision: asked.Precision = "auto",
) -> int:
    """Train a model with the paper's recipe.

    The loss is Dice and cross-entropy, and that of the quantiser. The epoch with the best Dice on the validation cases
    is kept. A training that was stopped goes on with the same command.
    """
    source = bundles.one(models, model)

    from robustq.training.recipe import Recipe
    from robustq.training.train import train as train_model

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
