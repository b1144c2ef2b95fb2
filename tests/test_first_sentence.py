"""What an object says of itself, read from its source."""

import inspect
import sys
from pathlib import Path

import pytest

from robustq import registry
from robustq.first_sentence import first_sentence, sentence_after

SOURCE = '''
raise RuntimeError("nobody may import this")

from strange.deep import Elsewhere
from .deep import Elsewhere as Renamed
from .missing import Nowhere

class Several:
    """The first sentence, which goes on
    in a second line. The second sentence.

    Another paragraph.
    """

def a_function():
    """Cites Somebody et al. 2020, e.g. with 1.5 mm. Then ends."""

class Silent:
    x = 1

if True:
    class Inside:
        """Stands under an if."""

try:
    import nothing
except ImportError:
    pass

class Maker:
    """Makes things."""

documented: Maker = Maker()
"""Made, and described here."""
made = Maker()
also = Maker
number = 3
open_ended = Maker()
"""Has no full stop"""
'''


@pytest.fixture(autouse=True)
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that cannot be imported. The names of modules are read once, so it is never another one."""
    package = tmp_path / "strange"
    package.mkdir()
    (package / "__init__.py").write_text(SOURCE)
    (package / "deep.py").write_text('from . import Several\n\nclass Elsewhere:\n    """Is defined elsewhere."""\n')
    (package / "broken.py").write_text("class :\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (":Several", "The first sentence, which goes on in a second line."),
        (":a_function", "Cites Somebody et al. 2020, e.g. with 1.5 mm."),
        (":Inside", "Stands under an if."),
        (":documented", "Made, and described here."),
        (":made", "Makes things."),
        (":also", "Makes things."),
        (":open_ended", "Has no full stop"),
        (":Elsewhere", "Is defined elsewhere."),
        (":Renamed", "Is defined elsewhere."),
        (".deep:Several", "The first sentence, which goes on in a second line."),
    ],
)
def test_the_sentence_is_found(name: str, sentence: str) -> None:
    assert first_sentence(f"strange{name}") == sentence
    assert "strange" not in sys.modules


@pytest.mark.parametrize(
    "place",
    [
        *("strange:Silent", "strange:number", "strange:Nowhere", "strange:Unknown", "strange.broken:X"),
        *("strange.none:X", "no_such_package:X", "sys:path", "__main__.x:Y", "math:sqrt"),
    ],
)
def test_where_there_is_none_it_is_empty(place: str) -> None:
    assert first_sentence(place) == ""


@pytest.mark.parametrize("kind", ["metrics", "quantisers", "perturbations"])
def test_it_is_the_beginning_of_what_python_shows_of_an_imported_class(kind: str) -> None:
    for item in registry.items(kind):
        if item.distribution == "robustq" and inspect.isclass(loaded := registry.load(kind, item.name)):
            assert " ".join((inspect.getdoc(loaded) or "").split()).startswith(item.description)


def test_a_sentence_is_found_by_its_first_words_in_any_paragraph() -> None:
    assert sentence_after("strange:Several", "The second") == "The second sentence."
    assert sentence_after("strange:Several", "Another") == "Another paragraph."
    assert sentence_after("strange:Several", "No such") == ""
    assert sentence_after("strange:nothing", "Another") == ""
