"""Where there is no terminal, lines say how far the work is."""

import pytest

from robustq_cli import console


def test_the_time_left_has_a_unit_that_shows_it_and_the_last_line_has_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((0.0, 300.0, 310.0, 320.0))
    monkeypatch.setattr(console, "monotonic", lambda: next(times))
    milestones = console.Milestones()
    for done in (1, 9, 10):
        milestones(done, 10)

    assert capsys.readouterr().err.splitlines() == [
        "10 % done, about 45 min left",
        "90 % done, about 34 s left",
        "100 % done",
    ]
