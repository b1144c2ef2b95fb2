"""Values that an option gives as text."""

from collections.abc import Callable

import pytest

from robustq.errors import RequestError
from robustq.request import values


def test_numbers_stand_between_crosses() -> None:
    assert values.numbers("--size", "128x96", int) == (128, 96)
    assert values.numbers("--spacing", "1x0.5x2", float) == (1.0, 0.5, 2.0)
    assert values.numbers("--size", None, int) is None


def test_a_window_has_two_ends() -> None:
    assert values.window("-160..240.5") == (-160.0, 240.5)
    assert values.window(None) is None


def test_labels_are_mask_values_with_names() -> None:
    assert values.labels("1=lung, 5=heart") == ((1, "lung"), (5, "heart"))
    assert values.labels(None) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("width=16", 16), ("drop=0.5", 0.5), ("norm=batch", "batch"), ("strides=[2,2]", "[2,2]"), ("a=b=c", "b=c")],
)
def test_a_setting_is_a_number_where_it_can_be(text: str, expected: object) -> None:
    name, value = values.setting(text)
    assert name == text.partition("=")[0]
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (lambda text: values.numbers("--crop", text, int), "96x9.5", "--crop '96x9.5' is not a list of numbers"),
        (values.window, "240", "--window '240' is not a window: write LOW..HIGH"),
        (values.labels, "lung", "write VALUE=NAME,... as in 1=lung,5=heart"),
        (values.labels, "1=", "write VALUE=NAME"),
        (values.setting, "width", "--set 'width' is not a setting: write KEY=VALUE"),
        (values.setting, "a b=1", "write KEY=VALUE"),
    ],
)
def test_what_is_written_otherwise_is_refused(read: Callable[[str], object], text: str, words: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(text)
    assert words in str(refused.value)
