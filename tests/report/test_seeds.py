"""Architectures are compared by what the networks of their training seeds lose."""

from pathlib import Path

import pytest

import robustq
import rows
from robustq.report.page.levels import Levels
from robustq.report.page.seeds import seed_sentences
from robustq.results.page_chapter import page_measures
from stored_runs import stored_run

PERCENT = "\N{NO-BREAK SPACE}%"


@pytest.fixture
def measure(tmp_path: Path) -> Levels:
    """Four networks whose Dice falls by 0.3, 0.36, 0.45 and 0.6 up to 30 %."""
    made = [
        row
        for place, slope in enumerate((0.01, 0.012, 0.015, 0.02))
        for row in rows.run(f"m{place}", lambda level, **_: 0.9 - slope * level, noises=("gaussian",))  # noqa: B023
    ]
    (levels,) = page_measures([robustq.Run(stored_run(tmp_path / "run", made))])
    return levels


def test_ranges_that_do_not_overlap_are_told_apart(measure: Levels) -> None:
    families, sentence = seed_sentences(measure, {"unet none": ["m2", "m3"], "unet vq": ["m1", "m0"]})
    assert families.endswith("in their training seed: unet none is m2 and m3; unet vq is m1 and m0.")
    assert sentence == (
        f"gaussian, over training seeds: lost Dice up to 30{PERCENT}, mean (smallest to largest): "
        "unet vq 0.330 (0.300 to 0.360, 2 seeds); unet none 0.525 (0.450 to 0.600, 2 seeds). "
        "Every seed of unet vq loses less than every seed of unet none. "
        "A claim about architectures needs 3 seeds or more of each."
    )


def test_ranges_that_overlap_leave_it_open(measure: Levels) -> None:
    _, sentence = seed_sentences(measure, {"unet none": ["m1", "m3"], "unet vq": ["m2", "m0"]})
    assert "The ranges of unet vq and of unet none overlap: open." in sentence
    assert "Every seed" not in sentence


def test_without_networks_of_several_seeds_nothing_is_said(measure: Levels) -> None:
    assert seed_sentences(measure, {}) == []
