import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustq.errors import RequestError
from robustq.request.levels import check_levels, parse_levels
from robustq.request.names import CLEAN
from robustq.run.plan import Piece, plan


@given(
    cases=st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True),
    draws=st.dictionaries(st.sampled_from(["gaussian", "poisson", "speckle"]), st.integers(1, 12), min_size=1),
    levels=st.lists(st.floats(0, 100), max_size=5, unique=True),
    batch_size=st.integers(1, 40),
)
def test_every_piece_is_planned_once_and_the_batches_are_full_but_not_overfull(
    cases: list[str], draws: dict[str, int], levels: list[float], batch_size: int
) -> None:
    batches = plan(cases, draws, levels, batch_size=batch_size)
    pieces = [piece for batch in batches for piece in batch]
    above = [level for level in levels if level > 0]
    expected = {Piece(case, CLEAN, 0, 1) for case in cases}
    expected |= {Piece(c, p, level, number) for c in cases for p, number in draws.items() for level in above}
    assert len(pieces) == len(expected)
    assert set(pieces) == expected
    assert [piece.case for piece in pieces] == sorted((piece.case for piece in pieces), key=cases.index)
    for batch in batches:
        assert len(batch) == 1 or sum(piece.draws for piece in batch) <= batch_size


def test_levels_are_read_sorted_made_unique_and_begin_at_0() -> None:
    assert parse_levels("30, 1,10,1") == (0, 1, 10, 30)
    assert check_levels([0.5]) == (0, 0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,a", "'0,a' has an entry that is not a number"),
        ("", "an entry that is not a number"),
        ("0,,1", "an entry that is not a number"),
        ("-1", "level -1 is not a percentage"),
        ("0,101", "level 101 is not a percentage"),
        ("nan", "level nan is not a percentage"),
        ("inf", "level inf is not a percentage"),
    ],
)
def test_levels_that_are_no_percentages_are_refused(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        parse_levels(text)
