"""robustq train: the paper's recipe."""

from pathlib import Path
from typing import Annotated

import typer

from robustq_cli import bundles, console, options


def train(
    model: Annotated[Path, typer.Argument(help="Bundle to train, made by robustq wrap.")],
    data: options.Data,
    model_file: options.ModelFile = None,
    out: Annotated[Path | None, typer.Option(help="Bundle to write; NAME-trained.safetensors by default.")] = None,
    epochs: Annotated[int, typer.Option(help="At most so many.")] = 500,
    batch_size: Annotated[int | None, typer.Option(help="By default the paper's, 10 in 2D and 2 in 3D.")] = None,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW.")] = 1e-4,
    weight_decay: Annotated[float, typer.Option(help="Of AdamW.")] = 0.05,
    augmentation: Annotated[bool, typer.Option(help="Turn, scale and shift the training cases.")] = True,
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without a better validation Dice.")] = 50,
    validation: Annotated[float, typer.Option(help="Share of cases held out, where the data declares no split.")] = 0.2,
    split_seed: Annotated[int, typer.Option(help="Of that share; equal for models to be compared.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Training seed; by default the one that drew the weights.")] = None,
    freeze: Annotated[
        str | None, typer.Option(metavar="encoder,decoder", help="Train the rest only: with both, the bottleneck.")
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32, bf16, or auto: bf16 where the device computes in it.")] = "auto",
    device: options.Device = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end.")] = False,
) -> int:
    """Train a bundle with the paper's recipe; started again after being killed, it goes on."""
    from robustq.training.recipe import Recipe
    from robustq.training.train import Epoch
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
    target = out or model.with_name(f"{model.stem}-trained.safetensors")
    if target.with_suffix(".resume.pt").exists():
        console.say(f"going on with the training that {target.with_suffix('.resume.pt')} remembers")
    segmenter = bundles.open_bundle(model, model_file)
    with console.progress() as bars:
        whole = bars.add_task("epochs", total=epochs)
        inside = bars.add_task("epoch 1", total=None)

        def on_step(step: int, steps: int) -> None:
            bars.update(inside, completed=step, total=steps)

        def on_epoch(epoch: Epoch) -> None:
            codes = (
                ""
                if epoch.codes_in_use is None
                else f", {epoch.codes_in_use} codes in use, perplexity {epoch.perplexity:.1f}"
            )
            bars.console.print(
                f"epoch {epoch.epoch}: loss {epoch.loss:.4f}, of which quantiser {epoch.quantiser_loss:.4f}; "
                f"validation Dice {epoch.validation_dice:.4f}{codes} ({epoch.seconds:.0f} s)",
                soft_wrap=True,
            )
            bars.update(whole, completed=epoch.epoch)
            bars.reset(inside, description=f"epoch {epoch.epoch + 1}")

        trained = train_model(segmenter, data, target, recipe, on_step=on_step, on_epoch=on_epoch)
    record = trained.spec.training or {}
    failures: dict[str, str] = record["failures"]
    for case, reason in failures.items():
        console.say(f"left out {case}: {reason}")
    status = 3 if failures else 0
    if json:
        console.print_json({"file": str(target), "training": record})
        return status
    own = "" if model_file is None else f" --model-file {model_file}"
    lines = {
        "epochs": f"{record['epochs']}, best {record['best_epoch']}",
        "validation Dice": f"{record['validation_dice']:.4f} on {len(record['validation_cases'])} cases",
        "trained on": f"{len(record['training_cases'])} cases of {record['dataset']}",
        "written": str(target),
        "history": str(target.with_suffix(".history.csv")),
        "next": f"robustq stress --model {target}{own} --data {data} --noise gaussian --levels 0,1,10,20,30",
    }
    if record["codes_in_use"] is not None:
        lines["codes in use"] = (
            f"{record['codes_in_use']} on the validation cases, perplexity {record['perplexity']:.1f}"
        )
    console.print_pairs(lines)
    return status
