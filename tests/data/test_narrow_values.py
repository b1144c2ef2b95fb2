"""Values that fill only a small part of the intensity range are noticed, because levels refer to this range."""

import numpy as np
import pytest
import torch

import robustq
from networks import small
from robustq.data.narrow_values import values_are_narrow
from robustq.dataset import Case, Entry, own_range

TISSUE = np.random.default_rng(0).normal(40, 20, (1, 40, 40))
MASK = torch.ones(40, 40, dtype=torch.long)


def with_values(value: float, share: float) -> torch.Tensor:
    """An image in which this share of the pixels has one value."""
    image = TISSUE.copy()
    image.reshape(-1)[: int(share * image.size)] = value
    return torch.from_numpy(image).float()


def narrow(image: torch.Tensor, intensity_range: torch.Tensor | None = None) -> bool:
    limits = own_range(image) if intensity_range is None else intensity_range
    return values_are_narrow(Case(image, None, limits, (1.0, 1.0), "px", Entry("a", "a", "", "")))


@pytest.mark.parametrize(
    ("value", "share", "expected"),
    [
        (40, 0.0, False),
        (60_000, 0.001, True),  # hot pixels
        (-32768, 0.2, True),  # what a scanner did not see
        (60_000, 0.4, True),
        (-200, 0.2, False),
        (-200, 0.9, False),  # a background
        (-32768, 0.9, False),
    ],
)
def test_a_few_far_values_and_a_padding_are_noticed_and_a_background_is_not(
    value: float, share: float, expected: bool
) -> None:
    assert narrow(with_values(value, share)) == expected


def test_an_image_of_two_values_is_not_narrow_and_one_in_a_small_part_of_its_window_is() -> None:
    assert not narrow(torch.tensor([[[0.0, 255.0], [255.0, 255.0]]]))
    assert narrow(with_values(40, 0), torch.tensor([[-8000.0, 8000.0]]))


def remarks(preparation: robustq.Preparation) -> list[str]:
    """What a run on an image without far values and on a padded one says of its data."""
    cases = [(with_values(40, 0), MASK), (with_values(-32768, 0.2), MASK)]
    models = {"m": small("none", classes=2, preparation=preparation)}
    return list(robustq.stress(models, cases, levels=[0], draws=1).data_remarks)


def test_a_run_names_the_cases_unless_their_preparation_clips_the_far_values() -> None:
    (remark,) = remarks(robustq.Preparation())
    assert "less than a twentieth of the intensity range" in remark
    assert remark.endswith(": 1 (0001)")
    assert not remarks(robustq.Preparation(normalise="window", window=(-60, 140)))
