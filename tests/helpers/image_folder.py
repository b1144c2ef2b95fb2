"""A folder of one image and one mask, for tests of what files hold."""

from pathlib import Path

import pytest

from robustq.data.open_dataset import open_dataset
from robustq.dataset import AbstractDataset, Case


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with an empty `images/` and an empty `masks/`."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    return tmp_path


def only(root: Path) -> tuple[Case, AbstractDataset]:
    """The one case of a folder, and its dataset."""
    dataset = open_dataset(str(root))
    (entry,) = dataset.entries
    return dataset.read(entry), dataset
