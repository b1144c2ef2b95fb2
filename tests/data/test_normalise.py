import pytest
import torch

from networks import noise
from robustq.data.normalise import value_map

WINDOW = (60.0, 140.0)


@pytest.mark.parametrize(
    "settings",
    [
        ("min-max", None, None),
        ("z-score", None, None),
        ("percentile", None, None),
        ("window", WINDOW, None),
        ("window", WINDOW, (90.0, 12.0)),
        ("none", None, None),
        ("imagenet", None, None),
        ("mean-std", WINDOW, None),
    ],
)
def test_a_map_keeps_the_order_of_values_and_takes_each_channel_alone(
    settings: tuple[str, tuple[float, float] | None, tuple[float, float] | None],
) -> None:
    image = 100 + 20 * noise(2, 9, 7)
    limits = torch.tensor([WINDOW if settings[1] else (0.0, 255.0)] * 2)
    normalised = value_map(image, *settings, limits)
    assert (normalised(image.flatten(1).sort(1).values).diff(dim=1) >= 0).all()
    other = torch.stack([image[0], 5 * image[1]])
    assert value_map(other, *settings, limits)(other)[0].equal(normalised(image)[0])
