"""The options of robustq wrap."""

from pathlib import Path
from typing import Annotated

import typer

from robustq_cli import complete
from robustq_cli.command import DATA, OUTPUT

NETWORK = "Network"
QUANTISER = "Quantiser"

Architecture = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="NAME",
        rich_help_panel=NETWORK,
        autocompletion=complete.one_item("architectures"),
        help="Architecture from robustq list architectures, such as unet or smp:unet. smp:FOLDER, monai:FOLDER, "
        "hf:FOLDER and nnunet:FOLDER take a trained network from the folder that smp, MONAI, transformers or nnU-Net "
        "wrote.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        rich_help_panel=NETWORK,
        help="Evaluate the expressions ($...) in the configuration of monai:FOLDER. They can run any code.",
    ),
]
ModelFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:FUNCTION",
        rich_help_panel=NETWORK,
        help="Function that returns your own network, instead of --arch. The file is executed.",
    ),
]
Dims = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=NETWORK,
        help="Spatial axes of the network: 2 or 3. A 2D network reads volumes slice by slice. By default what the "
        "network of --model-file shows, or 2.",
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=NETWORK,
        help="Output channels of the network, background included. By default those that the network of --model-file "
        "has; else as many as --labels needs, or 2.",
    ),
]
InChannels = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=NETWORK,
        help="Image channels of the network: 1 for grey images, 3 for RGB. By default what --grey-to-rgb, "
        "--normalise and --mean-std need, else what the network of --model-file shows, or 1.",
    ),
]
GreyToRGB = Annotated[
    bool,
    typer.Option(
        "--grey-to-rgb",
        rich_help_panel=DATA,
        help="Show grey images to an RGB network: it gets their one channel three times. Noise is added before that.",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=NETWORK,
        help="Encoder of an smp architecture, such as resnet34 or tu-convnext_tiny (one of timm).",
    ),
]
EncoderWeights = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=NETWORK,
        help="Pretrained weights of the encoder, such as imagenet; they are downloaded. By default random weights.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=NETWORK,
        help="Setting of the architecture, such as width=16, aux_loss=true or channels=[8,16]. Repeat the option "
        "for several.",
    ),
]
Answer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=NETWORK,
        autocompletion=complete.one_of("softmax", "sigmoid", "probabilities"),
        help="How the network's output becomes a mask: softmax (one label per pixel), sigmoid (each label by "
        "itself, so labels can overlap), or probabilities (the network applies one of these itself). By default "
        "softmax, or sigmoid for one channel.",
    ),
]
Head = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|NAME",
        rich_help_panel=NETWORK,
        help="Which entry of the network's output is its answer, if there are several of the image's size. -1 is the "
        "last.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=NETWORK,
        help="Checkpoint of the network without its quantiser. Only its tensors are read; no code in it is run.",
    ),
]
TrainedOn = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        rich_help_panel=NETWORK,
        autocompletion=complete.data(),
        help="Cases that the weights were trained on. stress and analyse leave them out, unless --split is all.",
    ),
]
AllowMissing = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        rich_help_panel=NETWORK,
        help="Accept a checkpoint that lacks tensors of the network; they keep random values.",
    ),
]
Seed = Annotated[int, typer.Option(metavar="NUMBER", rich_help_panel=NETWORK, help="Seed of the fresh random weights.")]
Quantise = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        rich_help_panel=QUANTISER,
        autocompletion=complete.one_item("quantisers", "none"),
        help="Quantiser and its size: KxD (K codes of D channels), NAME:NUMBERS from robustq list quantisers, "
        "identity:D (the matched baseline: the same projections, but without codes), or none.",
    ),
]
Site = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="SUBMODULE",
        rich_help_panel=QUANTISER,
        help="Where the network is cut: the dotted name of a submodule. By default the place that the architecture "
        "declares. If it declares none, robustq searches for the bottleneck.",
    ),
]
Skips = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=QUANTISER,
        autocompletion=complete.one_of("keep", "drop", "quantise"),
        help="What happens to the skips, the feature maps that go around the bottleneck: keep, drop (set to 0) or "
        "quantise (each skip gets a codebook of its own).",
    ),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        rich_help_panel=QUANTISER,
        autocompletion=complete.data(),
        help="Set the codebook of a trained network by k-means on these cases, without training.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="1=lung,5=heart",
        rich_help_panel=DATA,
        help="Mask values and the names of their labels. Gaps between the values are allowed.",
    ),
]
Ignore = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER", rich_help_panel=DATA, help="Mask value of pixels that are neither trained on nor scored."
    ),
]
Size = Annotated[
    str | None, typer.Option(metavar="128x128", rich_help_panel=DATA, help="Resize every case to this many pixels.")
]
Spacing = Annotated[
    str | None,
    typer.Option(
        metavar="1x1x2",
        rich_help_panel=DATA,
        help="Resample every case to this spacing (distance between pixels), in mm. Give this or --size.",
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        metavar="96x96x96",
        rich_help_panel=DATA,
        help="Crop or pad every case to this many pixels, after it was resized or resampled.",
    ),
]
Patch = Annotated[
    str | None,
    typer.Option(
        metavar="96x96x96",
        rich_help_panel=DATA,
        help="For models made for parts of a case: train on random patches of this many pixels, and answer whole cases "
        "by sliding window. Needs MONAI.",
    ),
]
Normalise = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=DATA,
        autocompletion=complete.one_of("min-max", "z-score", "percentile", "window", "imagenet", "mean-std", "none"),
        help="How intensities are normalised: min-max, z-score, percentile, window, imagenet (as encoders pretrained "
        "on ImageNet expect), mean-std or none. By default min-max, or mean-std with --mean-std.",
    ),
]
Window = Annotated[
    str | None,
    typer.Option(
        metavar="LOW..HIGH",
        rich_help_panel=DATA,
        help="Lowest and highest intensity, for --normalise window (or imagenet or mean-std), such as -160..240.",
    ),
]
MeanStd = Annotated[
    str | None,
    typer.Option(
        metavar="MEANS:DEVIATIONS",
        rich_help_panel=DATA,
        help="Mean and standard deviation of each channel of the network, for values in [0, 1], such as "
        "0.485,0.456,0.406:0.229,0.224,0.225. The intensity range is first mapped to [0, 1].",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=OUTPUT,
        help="Model file to write, named *.safetensors. By default the name holds architecture and quantiser.",
    ),
]
