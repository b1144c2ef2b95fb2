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
    [
        ("width=16", 16),
        ("drop=0.5", 0.5),
        ("norm=batch", "batch"),
        ("a=b=c", "b=c"),
        ("name=resnet18,resnet34", "resnet18,resnet34"),
        ("strides=[2,2]", [2, 2]),
        ("kernels=[[3,3],[1,3]]", [[3, 3], [1, 3]]),
        ('act=["relu",{"inplace":true}]', ["relu", {"inplace": True}]),
        ("x=true", True),
        ("x=false", False),
        ("x=null", None),
        ("norm=none", "none"),
        ('word="True"', "True"),
        ('digits="16"', "16"),
        ("rate=1e-3", 0.001),
        ("count=007", 7),
        ("share=.5", 0.5),
    ],
)
def test_a_setting_is_what_json_makes_of_it_or_a_word(text: str, expected: object) -> None:
    name, value = values.setting(text)
    assert name == text.partition("=")[0]
    assert (value, type(value)) == (expected, type(expected))


def test_means_and_standard_deviations_stand_on_the_two_sides_of_a_colon() -> None:
    assert values.mean_std("0.485,0.456:0.229,0.224") == ((0.485, 0.456), (0.229, 0.224))
    assert values.mean_std(None) is None


def test_an_entry_of_an_output_has_a_place_or_a_key() -> None:
    assert [values.head(text) for text in (None, "3", "-1", "logits", "")] == [None, 3, -1, "logits", ""]


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (lambda text: values.numbers("--crop", text, int), "96x9.5", "--crop '96x9.5' is not a list of numbers"),
        (values.window, "240", "--window '240' is not a window: write LOW..HIGH"),
        (values.mean_std, "0.485,0.456,0.406", "write them for each channel as in 0.485,0.456,0.406:0.229,0.224,0.225"),
        (values.mean_std, "0.5:", "--mean-std '0.5:' is not a list of means and standard deviations"),
        (values.labels, "lung", "write VALUE=NAME,... as in 1=lung,5=heart"),
        (values.labels, "1=", "write VALUE=NAME"),
        (values.setting, "width", "--set 'width' is not a setting: write KEY=VALUE"),
        (values.setting, "a b=1", "write KEY=VALUE"),
        (values.setting, "x=True", "write x=true, or the word in quotes"),
        (values.setting, "x=FALSE", "write x=false, or"),
        (values.setting, "x=None", "write x=null, or"),
        (values.setting, "x=NULL", "write x=null, or"),
        (values.setting, "x=[8,16", "is not a list as JSON writes it"),
        (values.setting, "x=['a']", "with texts in double quotes"),
        (values.setting, "x=64,32,16", "write it as in channels=[8,16,32]"),
    ],
)
def test_what_is_written_otherwise_is_refused(read: Callable[[str], object], text: str, words: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(text)
    assert words in str(refused.value)
