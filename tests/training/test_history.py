import csv
from pathlib import Path

import pytest

from robustq.training.history import Epoch, History


def history(*scores: float) -> History:
    """Epochs with these validation scores."""
    return History([Epoch(number, 1.0, 0.25, score, None, None, 2.0) for number, score in enumerate(scores, start=1)])


def test_the_best_epoch_is_the_first_with_the_largest_score() -> None:
    assert history(0.1, 0.5, 0.3, 0.5).best.epoch == 2


@pytest.mark.parametrize(
    ("scores", "epochs", "patience", "goes_on"),
    [
        ((), 1, 1, True),
        ((0.5,), 1, 9, False),
        ((0.5, 0.4), 9, 2, True),
        ((0.5, 0.4, 0.5), 9, 2, False),
        ((0.5, 0.4, 0.6), 9, 2, True),
    ],
)
def test_a_training_goes_on_until_epochs_or_patience_are_used_up(
    scores: tuple[float, ...], epochs: int, patience: int, goes_on: bool
) -> None:
    assert history(*scores).goes_on(epochs, patience) == goes_on


def test_the_file_has_one_line_an_epoch(tmp_path: Path) -> None:
    history(0.1, 0.25).write(tmp_path / "h.csv")
    with open(tmp_path / "h.csv") as file:
        first, second = csv.DictReader(file)
    assert (first["epoch"], second["validation_dice"], second["codes_in_use"]) == ("1", "0.25", "")
