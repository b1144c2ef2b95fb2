"""Criteria of a gate, read from TOML."""

from pathlib import Path

import pytest

from robustq.errors import RequestError
from robustq.request.criteria import Criterion, read_criteria

SHARE = {"metric": "dice", "kind": "share", "min": 0.8, "share": 0.9}


def test_a_file_of_criteria_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        '[[criteria]]\nmetric = "dice"\nkind = "share"\nmin = 0.8\nshare = 0.9\nlevel = 10\nlooks = 2\n'
        '[[criteria]]\nmetric = "hd95"\nkind = "mean"\nmax = 5\naccept_small = true\n'
    )

    first, second = read_criteria(tmp_path / "c.toml")

    assert first == Criterion("dice", "share", min=0.8, share=0.9, level=10.0, looks=2)
    assert second == Criterion("hd95", "mean", max=5.0, accept_small=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "median"}, "unknown kind 'median'"),
        ({"mni": 0.8}, "unknown entry 'mni'.*min"),
        ({"max": 0.9}, "needs either min or max"),
        ({"min": "0.8"}, "give a number"),
        ({"min": True}, "give a number"),
        ({"looks": 0}, "whole number of 1 or more"),
        ({"accept_small": 1}, "true or false"),
        ({"label": 3}, "text in quotation marks"),
        ({"kind": "difference"}, "has no baseline and no margin"),
        ({"kind": "difference", "baseline": "b", "margin": -0.1}, "0 or more"),
        ({"kind": "difference", "baseline": "b", "margin": 0.1}, "leave min and max out"),
        ({"kind": "retention", "max": 1}, "leave max out"),
    ],
)
def test_a_wrong_criterion_is_refused_with_its_place(changes: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words) as refused:
        Criterion.parse(SHARE | changes, "c.toml, criterion 2")
    assert str(refused.value).startswith("c.toml, criterion 2")


def test_a_criterion_made_in_python_is_refused_for_the_same_reasons() -> None:
    with pytest.raises(RequestError, match="criterion on dice needs either min or max"):
        Criterion("dice", "mean")
    with pytest.raises(RequestError, match="criterion on hd95 has no share: add it"):
        Criterion("hd95", "share", max=5)


@pytest.mark.parametrize(
    "content", ["", "criteria = 3", "[criteria]\nmetric = 1", "[[other]]\na = 1", "not toml", "\x00"]
)
def test_a_file_without_criteria_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.toml").write_text(content)
    with pytest.raises(RequestError, match=r"c\.toml"):
        read_criteria(tmp_path / "c.toml")
    with pytest.raises(RequestError, match="there is no file"):
        read_criteria(tmp_path / "missing.toml")
