"""The epochs of a training so far, and the file that lists them."""

import csv
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from robustq.whole_file import whole_file

_OF_PRIOR = ("prior_loss", "validation_nats")


@dataclass(frozen=True)
class Epoch:
    """One line of the history.

    Attributes:
        epoch: number of the epoch, from 1.
        loss: mean training loss over the steps, including the quantiser's loss.
        quantiser_loss: mean loss of the quantiser over the steps.
        validation_dice: mean Dice of the validation cases, as defined in docs/definitions.md; None where only a prior
            is trained.
        codes_in_use: number of codes that were chosen at least once on the validation cases; None without a codebook.
        perplexity: perplexity of the codes on these cases; None without a codebook.
        seconds: wall time of the epoch.
        precision: precision of the forward passes; empty where an earlier version ran the epoch.
        prior_loss: mean loss of the prior over codes over the steps, unweighted; None without a prior.
        validation_nats: nats a token of the codes of the validation cases under the prior; None without a prior.
    """

    epoch: int
    loss: float
    quantiser_loss: float
    validation_dice: float | None
    codes_in_use: int | None
    perplexity: float | None
    seconds: float
    precision: str = ""
    prior_loss: float | None = None
    validation_nats: float | None = None

    @property
    def score(self) -> float:
        """The larger the better: the validation Dice, or where only a prior is trained, minus the nats a token."""
        if self.validation_dice is not None:
            return self.validation_dice
        assert self.validation_nats is not None, "an epoch has a Dice or trains a prior"
        return -self.validation_nats


@dataclass
class History:
    """The epochs of a training so far.

    Attributes:
        epochs: the epochs in order. A training adds each epoch when it ends.
    """

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch with the best score, the first one among equals. There must be an epoch."""
        return max(self.epochs, key=lambda epoch: epoch.score)

    def goes_on(self, epochs: int, patience: int) -> bool:
        """Whether another epoch follows.

        Args:
            epochs: largest number of epochs.
            patience: number of epochs without a better score after which the training stops.
        """
        done = len(self.epochs)
        return done < epochs and (done == 0 or done - self.best.epoch < patience)

    def write(self, path: Path) -> None:
        """Write a CSV file with one line per epoch; the columns of a prior only where there is one."""
        lines = [asdict(epoch) for epoch in self.epochs]
        without = {name for name in _OF_PRIOR if all(line[name] is None for line in lines)}
        with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            columns = [column.name for column in fields(Epoch) if column.name not in without]
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(lines)
