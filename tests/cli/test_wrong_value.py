"""A value that is no number is refused in plain words."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from commands import robustq
from robustq_cli.wrong_value import in_words


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("stress", "--draws", "1.5"), "--draws '1.5' is not a whole number: give one, such as 10, or auto"),
        (("minimal", "--below", "half"), "--below 'half' is not a number: give one, such as 0.5"),
        (("stress", "--batch-size", "x"), "--batch-size 'x' is not a whole number: give one, such as 1"),
    ],
)
def test_a_value_that_is_no_number_is_refused(words: tuple[str, ...], sentence: str) -> None:
    done = subprocess.run([sys.executable, "-m", "robustq", *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"robustq: {sentence}\n")


def test_messages_of_earlier_versions_of_the_library_are_understood_and_others_are_kept() -> None:
    error = ValueError()
    error.param = SimpleNamespace(opts=["--draws"], default=10)  # type: ignore[attr-defined]
    assert in_words(error, "Invalid value for '--draws': '1.5' is not a valid integer.") == (
        "--draws '1.5' is not a whole number: give one, such as 10"
    )
    assert in_words(error, "Invalid value for '--draws': 'auto' is not a valid integer.") == (
        "--draws auto is only for stress, which chooses the number itself: give a number, such as 10"
    )
    assert in_words(error, "No such option: --bacth") == "No such option: --bacth"
    assert in_words(ValueError(), "'1.5' is not a valid integer.") == "'1.5' is not a valid integer."


def test_two_lists_of_one_option_are_refused_because_one_would_be_lost(
    tmp_path: Path,
) -> None:
    done = robustq("stress", "--levels", "10", "--levels=20", cwd=tmp_path)
    assert done.returncode == 2
    assert "--levels was given 2 times (10, 20): give it once" in " ".join(done.stderr.split())
    again = robustq("stress", "--levels", "200", "--levels", "200", cwd=tmp_path)
    assert "level 200 is not a percentage" in again.stderr, "the same value twice loses nothing"
    last = robustq("stress", "--draws", "2", "--draws", "0", cwd=tmp_path)
    assert "draws=0" in last.stderr, "of two numbers the last one counts"
