from dataclasses import replace
from pathlib import Path

import pytest
import torch

from networks import noise, small
from robustq.errors import RequestError
from robustq.training.history import Epoch, History
from robustq.training.recipe import Recipe
from robustq.training.resume import ResumeFile, TrainingState, identity

EPOCH = Epoch(1, 1 / 3, 0.25, 0.1, 7, 2.5, 0.5)
STATE = TrainingState(
    {"weight": noise(3)}, {"state": {0: {"step": torch.tensor(3.0)}}}, {"weight": noise(3, seed=1)}, History([EPOCH])
)


def file(path: Path, **changes: object) -> ResumeFile:
    return ResumeFile(path / "m.resume.pt", identity(small().spec, replace(Recipe(), **changes), ["a", "b"]))


def test_what_is_read_is_what_was_written_and_no_other_file_stays(tmp_path: Path) -> None:
    resume = file(tmp_path / "new")
    assert resume.read() is None
    resume.write(STATE)
    found = file(tmp_path / "new").read()
    assert found.model["weight"].equal(STATE.model["weight"])
    assert found.best["weight"].equal(STATE.best["weight"])
    assert found.optimiser == STATE.optimiser
    assert found.history == STATE.history
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["m.resume.pt"]
    resume.delete()
    resume.delete()
    assert resume.read() is None


def test_a_file_of_version_0_1_is_read(tmp_path: Path) -> None:
    document = {
        "identity": {
            "spec": small().spec.to_dict(),
            "recipe": {key: value for key, value in Recipe().to_dict().items() if key not in ("epochs", "patience")},
            "cases": ["a", "b"],
        },
        "model": {"weight": noise(3)},
        "optimiser": {"state": {}},
        "best": {"weight": noise(3)},
        "history": [
            {
                "epoch": 1,
                "loss": 1 / 3,
                "quantiser_loss": 0.25,
                "validation_dice": 0.1,
                "codes_in_use": 7,
                "perplexity": 2.5,
                "seconds": 0.5,
            }
        ],
    }
    torch.save(document, tmp_path / "m.resume.pt")
    assert file(tmp_path).read().history == History([EPOCH])


def test_epochs_and_patience_may_change_and_nothing_else(tmp_path: Path) -> None:
    file(tmp_path).write(STATE)
    assert file(tmp_path, epochs=7, patience=3).read() is not None
    with pytest.raises(RequestError, match="is of another training"):
        file(tmp_path, learning_rate=1.0).read()
    with pytest.raises(RequestError, match="loss was dice-ce and is now ce"):
        file(tmp_path, loss="ce").read()


def test_the_number_of_epochs_may_not_change_where_the_learning_rate_depends_on_it(tmp_path: Path) -> None:
    file(tmp_path, schedule="cosine", epochs=5).write(STATE)
    assert file(tmp_path, schedule="cosine", epochs=5, patience=3).read() is not None
    with pytest.raises(RequestError, match="schedule was cosine over 5 epochs and is now cosine over 7 epochs"):
        file(tmp_path, schedule="cosine", epochs=7).read()
