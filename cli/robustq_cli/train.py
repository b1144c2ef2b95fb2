"""The command robustq train, which trains a model with the paper's recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustq.request.augment_noise import AugmentNoise
from robustq.training.recipe import AFTER, Recipe
from robustq_cli import bundles, console, options, train_options
from robustq_cli.command import examples

if TYPE_CHECKING:
    from rich.progress import Progress

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
    model: train_options.Model = None,
    model_file: options.ModelFile = None,
    epochs: train_options.Epochs = Recipe.epochs,
    patience: train_options.Patience = Recipe.patience,
    batch_size: train_options.BatchSize = None,
    learning_rate: train_options.LearningRate = Recipe.learning_rate,
    schedule: train_options.Schedule = Recipe.schedule,
    weight_decay: train_options.WeightDecay = Recipe.weight_decay,
    loss: train_options.Loss = Recipe.loss,
    augmentation: train_options.Augmentation = Recipe.augmentation,
    augment_noise: train_options.AugmentNoise = None,
    freeze: train_options.Freeze = None,
    prior: train_options.Prior = None,
    seed: train_options.Seed = None,
    validation: train_options.Validation = Recipe.validation,
    split_seed: train_options.SplitSeed = Recipe.split_seed,
    out: train_options.Out = None,
    json: options.Json = False,
    device: options.Device = Recipe.device,
    precision: train_options.Precision = Recipe.precision,
) -> int:
    """Train a model with the paper's recipe.

    The loss has three parts: Dice, cross-entropy and the loss of the quantiser. The epoch with the best Dice on the
    validation cases is kept. A training that was stopped continues with the same command.
    """
    source = bundles.one(models, model)
    noise = None if augment_noise is None else str(AugmentNoise.parse(augment_noise))

    from robustq.data.open_dataset import open_dataset
    from robustq.training.processes import launched
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
        freeze=tuple(name.strip() for name in freeze.split(",")) if freeze else (),
        precision=precision,
        device=device,
        loss=loss,
        schedule=schedule,
        augment_noise=noise,
        prior=prior or "",
    )
    target = out or source.with_name(f"{source.stem}-{'prior' if prior == AFTER else 'trained'}.safetensors")
    segmenter = bundles.open_bundle(source, model_file)
    dataset = open_dataset(data)
    if not launched(device).is_main:  # the main process prints
        train_model(segmenter, dataset, target, recipe)
        return 0
    with console.progress() as progress:
        bars = _Bars(progress, epochs)
        trained = train_model(
            segmenter, dataset, target, recipe, on_step=bars.step, on_epoch=bars.epoch, on_note=console.say
        )
    record = (trained.spec.prior if prior == AFTER else trained.spec.training) or {}
    console.say_remarks(dataset.remarks)
    status = console.say_left_out(record["failures"])
    if json:
        of_prior = {"prior": trained.spec.prior} if prior else {}
        console.print_json({"file": str(target), "training": trained.spec.training, **of_prior})
        return status
    network_option = "" if model_file is None else f" --model-file {model_file}"
    console.print_pairs(
        _summary(record, trained.spec.prior, target)
        | {
            "next": f"robustq stress --model {target}{network_option} --data {data} --noise gaussian "
            "--levels 0,1,10,20,30"
        }
    )
    return status


class _Bars:
    """The progress of a training: a bar over epochs, a bar over the steps of an epoch, and a line for each epoch."""

    def __init__(self, progress: "Progress", epochs: int) -> None:
        self._progress = progress
        self._epochs = progress.add_task("epochs", total=epochs)
        self._steps = progress.add_task("epoch 1", total=None)

    def step(self, step: int, steps: int) -> None:
        """Show that a step of an epoch is done."""
        self._progress.update(self._steps, completed=step, total=steps)

    def epoch(self, epoch: "Epoch") -> None:
        """Show that an epoch is done."""
        self._progress.console.print(_epoch_line(epoch), soft_wrap=True)
        self._progress.update(self._epochs, completed=epoch.epoch)
        self._progress.reset(self._steps, description=f"epoch {epoch.epoch + 1}")


def _epoch_line(epoch: "Epoch") -> str:
    parts = []
    if epoch.validation_dice is not None:
        codes = (
            ""
            if epoch.codes_in_use is None
            else f", {epoch.codes_in_use} codes in use, perplexity {epoch.perplexity:.1f}"
        )
        parts += [
            f"loss {epoch.loss:.4f}, of which quantiser {epoch.quantiser_loss:.4f}",
            f"validation Dice {epoch.validation_dice:.4f}{codes}",
        ]
    if epoch.prior_loss is not None:
        parts.append(f"loss of the prior {epoch.prior_loss:.3f}, validation {epoch.validation_nats:.3f} nats a token")
    return f"epoch {epoch.epoch}: {'; '.join(parts)} ({epoch.seconds:.0f} s)"


def _summary(record: dict[str, Any], prior: dict[str, Any] | None, target: Path) -> dict[str, str]:
    cases = f"on {len(record['validation_cases'])} cases"
    lines = {"epochs": f"{record['epochs']}, best {record['best_epoch']}"}
    if "validation_dice" in record:
        lines["validation Dice"] = f"{record['validation_dice']:.4f} {cases}"
    if prior is not None:
        lines["prior"] = f"{prior['validation_nats']:.3f} nats a token {cases}"
    lines["trained on"] = f"{len(record['training_cases'])} cases of {record['dataset']}"
    if record.get("codes_in_use") is not None:
        lines["codes in use"] = (
            f"{record['codes_in_use']} on the validation cases, perplexity {record['perplexity']:.1f} "
            "(the number of equally used codes that would be as varied)"
        )
    return lines | {"written": str(target), "history": str(target.with_suffix(".history.csv"))}
