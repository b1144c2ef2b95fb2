"""The options of robustq train."""

from pathlib import Path
from typing import Annotated

import typer

from robustq.training.recipe import AFTER, JOINT, LOSSES, SCHEDULES
from robustq_cli import complete
from robustq_cli.command import COMPUTE, MODELS, OUTPUT

RECIPE = "Recipe"
"""The panel of the settings of a training."""

Model = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        metavar="FILE",
        rich_help_panel=MODELS,
        help="Model file to train, made by robustq wrap. A file name without the option works too.",
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
BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=RECIPE,
        help="Number of images in a training step. By default the paper's: 10 in 2D and 2 in 3D.",
    ),
]
LearningRate = Annotated[float, typer.Option(metavar="NUMBER", rich_help_panel=RECIPE, help="Learning rate of AdamW.")]
Schedule = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=RECIPE,
        autocompletion=complete.one_of(*SCHEDULES),
        help="The learning rate stays constant, or falls along a cosine until the largest number of epochs.",
    ),
]
WeightDecay = Annotated[float, typer.Option(metavar="NUMBER", rich_help_panel=RECIPE, help="Weight decay of AdamW.")]
Loss = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=RECIPE,
        autocompletion=complete.one_of(*LOSSES),
        help="Loss: dice-ce (Dice plus cross-entropy), dice, or ce. The loss of the quantiser is added to it.",
    ),
]
Augmentation = Annotated[
    bool, typer.Option(rich_help_panel="Augmentation", help="Turn, scale and shift the training cases at random.")
]
AugmentNoise = Annotated[
    str | None,
    typer.Option(
        metavar="NAME:LOW..HIGH",
        rich_help_panel="Augmentation",
        help="Perturb half of the training cases at random levels, such as gaussian:0..30. By default none.",
    ),
]
Freeze = Annotated[
    str | None,
    typer.Option(
        metavar="PARTS",
        rich_help_panel=RECIPE,
        autocompletion=complete.one_of("encoder", "decoder", "encoder,decoder"),
        help="Parts whose weights stay as they are: encoder, decoder, or encoder,decoder (then only the bottleneck is "
        "trained).",
    ),
]
Prior = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=RECIPE,
        autocompletion=complete.one_of(JOINT, AFTER),
        help="Train a prior over the codes, which says how probable each code is after the codes before it: joint "
        "(with the model), or after (to the codes of a trained model, of which nothing else changes).",
    ),
]
Seed = Annotated[
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
        help="Share of cases kept out of training and used to choose the best epoch, if the data has no split of its "
        "own.",
    ),
]
SplitSeed = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=RECIPE,
        help="Seed that chooses the validation cases. Use the same seed for models that you compare.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=COMPUTE,
        autocompletion=complete.one_of("auto", "bf16", "fp32"),
        help="Precision of the computation: fp32, bf16, or auto (fp32 on a CPU; on a GPU bf16 if it supports it). If a "
        "loss or gradient in bf16 is not finite, the training goes on in fp32.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=OUTPUT,
        help="Model file to write. By default NAME-trained.safetensors, and NAME-prior.safetensors with --prior after.",
    ),
]
