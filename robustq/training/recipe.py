"""How a model is trained: the paper's settings (section 2.4), all adjustable."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from robustq.errors import RequestError, unknown
from robustq.request.augment_noise import AugmentNoise

LOSSES = ("dice-ce", "dice", "ce")
"""Forms of the loss: the sum of Dice loss and cross-entropy, or one of them."""

SCHEDULES = ("constant", "cosine")
"""How the learning rate goes on from the first epoch."""

_LEFT_OUT = ("loss", "schedule", "augment_noise", "prior")
"""Settings that a record of the recipe leaves out at their defaults, so that a training that does not use them is known
by the same record as one of a version without them."""

JOINT, AFTER = "joint", "after"
"""How a prior over codes is trained: with the model, or to the codes of a trained model, which stays as it is."""


@dataclass(frozen=True)
class Recipe:
    """Settings of a training; the defaults are the paper's where it gives them.

    Attributes:
        epochs: largest number of epochs, that is, of passes over the training cases.
        batch_size: number of images (2D) or volumes (3D) per step; by default the paper's, 10 in 2D and 2 in 3D.
        learning_rate: learning rate of AdamW, in the first epoch.
        weight_decay: weight decay of AdamW.
        augmentation: whether the training cases are turned, scaled and shifted at random.
        patience: number of epochs without a better validation Dice after which the training stops.
        validation: share of the cases that are held out to choose the epoch, where the data declares no split.
        split_seed: seed that draws the held-out cases; models that are to be compared need the same.
        seed: the training seed (order of cases, augmentation); by default the seed that drew the weights.
        freeze: parts of the network that are not trained, "encoder" or "decoder"; with both, only what was inserted at
            the bottleneck is trained.
        precision: "fp32", "bf16", "fp16", or "auto": fp32 on a CPU, and on a GPU bf16 if it computes in it. Where
            something is not finite in bf16 or fp16, the training goes on in fp32.
        device: "cpu", "cuda", or "auto" for the first GPU, else the CPU.
        loss: one of `LOSSES`; the quantiser's loss is added to each.
        schedule: one of `SCHEDULES`. "cosine" lowers the learning rate along half a cosine over `epochs`.
        augment_noise: a perturbation with a range of levels, such as "gaussian:0..30". Half of the training cases are
            perturbed, each at a level drawn from the range. None for no noise.
        prior: "joint" trains a prior over the codes with the model; "after" fits one to the codes of a trained model,
            of which nothing else changes; "" trains none.
    """

    epochs: int = 500
    batch_size: int | None = None
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    augmentation: bool = True
    patience: int = 50
    validation: float = 0.2
    split_seed: int = 0
    seed: int | None = None
    freeze: tuple[str, ...] = ()
    precision: str = "auto"
    device: str = "auto"
    loss: str = "dice-ce"
    schedule: str = "constant"
    augment_noise: str | None = None
    prior: str = ""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RequestError(f"{name}={value} was given for the training: give 1 or more")
        if self.learning_rate <= 0 or self.weight_decay < 0:
            raise RequestError(
                f"learning_rate={self.learning_rate:g} and weight_decay={self.weight_decay:g} were given "
                "for the training: give a learning rate above 0, and a weight decay of 0 or more"
            )
        if not 0 < self.validation < 1:
            raise RequestError(
                f"validation={self.validation:g} is no share of the cases: give a number above 0 and below 1"
            )
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule of the learning rate", self.schedule, SCHEDULES)
        if self.augment_noise is not None:
            AugmentNoise.parse(self.augment_noise)
        if self.prior not in ("", JOINT, AFTER):
            raise unknown("prior", self.prior, (JOINT, AFTER))
        if self.prior == AFTER and self.freeze:
            raise RequestError("prior=after trains nothing but the prior: leave out freeze (--freeze)")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON values only, without the newer settings where they are the defaults."""
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if name not in _LEFT_OUT or value != defaults[name]}
