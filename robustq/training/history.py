"""The epochs of a training so far, and the file that lists them."""

import csv
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from robustq.whole_file import whole_file


@dataclass(frozen=True)
class Epoch:
    """One line of the history.

    Attributes:
        epoch: number of the epoch, from 1.
        loss: mean training loss over the steps, including the quantiser's loss.
        quantiser_loss: mean loss of the quantiser over the steps.
        validation_dice: mean Dice of the validation cases, as defined in docs/definitions.md.
        codes_in_use: number of codes that were chosen at least once on the validation cases; None without a codebook.
        perplexity: perplexity of the codes on these cases; None without a codebook.
        seconds: wall time of the epoch.
        precision: precision of the forward passes; empty where an earlier version ran the epoch.
    """

    epoch: int
    loss: float
    quantiser_loss: float
    validation_dice: float
    codes_in_use: int | None
    perplexity: float | None
    seconds: float
    precision: str = ""


@dataclass
class History:
    """The epochs of a training so far.

    Attributes:
        epochs: the epochs in order. A training adds each epoch when it ends.
    """

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch with the largest validation Dice, the first one among equals. There must be an epoch."""
        return max(self.epochs, key=lambda epoch: epoch.validation_dice)

    def goes_on(self, epochs: int, patience: int) -> bool:
        """Whether another epoch follows.

        Args:
            epochs: largest number of epochs.
            patience: number of epochs without a better validation Dice after which the training stops.
        """
        done = len(self.epochs)
        return done < epochs and (done == 0 or done - self.best.epoch < patience)

    def write(self, path: Path) -> None:
        """Write a CSV file with one line per epoch."""
        with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [column.name for column in fields(Epoch)])
            writer.writeheader()
            writer.writerows(asdict(epoch) for epoch in self.epochs)
