"""The text of --augment-noise."""

import pytest

from robustq.errors import RequestError
from robustq.request.augment_noise import AugmentNoise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gaussian:0..30", AugmentNoise("gaussian", 0, 30)),
        (" gauss:2.5..2.5", AugmentNoise("gaussian", 2.5, 2.5)),
        ("gauss+blur:0..100", AugmentNoise("gaussian+blur", 0, 100)),
    ],
)
def test_it_names_a_perturbation_and_a_range_of_levels(text: str, expected: AugmentNoise) -> None:
    assert AugmentNoise.parse(text) == expected
    assert AugmentNoise.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gaussian", "write NAME:LOW..HIGH"),
        ("gaussian:30", "write NAME:LOW..HIGH"),
        ("gaussian:low..high", "write NAME:LOW..HIGH"),
        ("0..30", "has no range of levels"),
        ("gaussian:30..0", "the lower one first"),
        ("gaussian:0..101", "percentages from 0 to 100"),
        ("gaussian:nan..30", "percentages from 0 to 100"),
        ("gausian:0..30", "did you mean gaussian"),
        (":0..30", "lacks the name"),
    ],
)
def test_another_text_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        AugmentNoise.parse(text)
