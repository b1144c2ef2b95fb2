import pytest

from robustq.errors import RequestError
from robustq.request.quantise import Quantise
from robustq_vq.identity import Identity
from robustq_vq.vector import VectorQuantiser


@pytest.mark.parametrize(
    ("text", "long"),
    [
        ("1024x256", "vq:1024x256"),
        ("vq:8x4,loss=norm,beta=0.5", "vq:8x4,loss=norm,beta=0.5"),
        ("identity:256", "identity:256"),
        ("none", "none"),
    ],
)
def test_what_is_written_is_read_and_written_back(text: str, long: str) -> None:
    assert str(Quantise.parse(text)) == long
    assert Quantise.parse(long) == Quantise.parse(text)


def test_the_settings_reach_the_quantiser() -> None:
    made = Quantise.parse("vq:8x4,loss=norm,beta=0.5").build()
    assert isinstance(made, VectorQuantiser)
    assert (made.size, made.dimension, made.loss, made.beta) == (8, 4, "norm", 0.5)
    assert isinstance(Quantise.parse("identity:7").build(), Identity)
    assert Quantise.parse("none").build() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1024", "'1024' is not a quantiser: write KxD"),
        ("0x256", "a size of 0"),
        ("ax b", "'ax b' is not a quantiser"),
        ("8x4x2", "'8x4x2' is not a quantiser"),
        ("-8x4", "'-8x4' is not a quantiser"),
        ("", "'' is not a quantiser"),
        ("vqq:8x4", "unknown quantiser 'vqq': did you mean vq?"),
        ("vq", "gives no size: write vq:NUMBERS"),
        ("idntity", "unknown quantiser 'idntity': did you mean identity?"),
        ("8x4,norm", "'norm', which is not a setting: write NAME=VALUE"),
    ],
)
def test_what_the_words_alone_show_to_be_wrong_is_refused_when_read(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Quantise.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("identity:8x4", "has 2 numbers: identity takes D"),
        ("8x4,los=norm", "a setting that vq does not take"),
        ("8x4,loss=cubes", "choose from norm, squares"),
    ],
)
def test_what_the_quantiser_does_not_take_is_refused_when_built(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Quantise.parse(text).build()
