"""Where the time of a run went."""

from pathlib import Path

import pytest

import robustq
from analyses import model
from commands import robustq as command
from robustq.run.profile import Profile

DATA = "phantom:cases=1,domain=A"
STAGES = {"read", "prepare", "perturb", "forward", "score", "write"}


@pytest.mark.parametrize("executor", ["local", "processes:1"])
def test_the_stages_of_a_run_fill_no_more_than_its_time(executor: str) -> None:
    profiles: list[Profile] = []
    robustq.stress({"m": model()}, DATA, levels=[30], draws=4, executor=executor, on_profile=profiles.append)
    (profile,) = profiles
    assert set(profile.seconds) - {"trial"} == STAGES
    assert all(seconds > 0 for seconds in profile.seconds.values())
    assert sum(profile.seconds.values()) <= profile.wall
    assert (profile.passes, profile.processes) == (5, 1)
    assert profile.bare > 0


def test_a_profile_is_printed_in_seconds_and_shares_and_the_rest_is_idle() -> None:
    lines = str(Profile({"read": 1.0, "forward": 6.0}, wall=5.0, processes=2, passes=12, bare=5.5)).splitlines()
    assert lines[0] == "Where the time went (5.00 s by the clock; below, 2 processes added up):"
    assert [" ".join(line.split()) for line in lines if "forward" in line or "idle" in line] == [
        "forward 6.00 s 60.0%",
        "idle 3.00 s 30.0%",
    ]
    assert lines[-1] == "The limit: the 12 passes alone take 5.50 s in one process."


def test_the_command_prints_it_on_stderr(tmp_path: Path) -> None:
    words = ("stress", "--data", "phantom:first=160,cases=1,domain=A", "--levels", "10", "--draws", "1", "--json")
    done = command(*words, "--profile", "--without-images", cwd=tmp_path)
    assert done.returncode == 0
    assert "Where the time went" in done.stderr
    assert "Where" not in done.stdout
