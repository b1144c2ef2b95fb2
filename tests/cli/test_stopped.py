"""Commands that are stopped: by the user, by the system, by another writer, by a disk. Nothing computed is lost."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from commands import robustq
from earlier_version import with_rows_folder
from robustq_cli.signals import PieceInHand, Terminated

STRESS = ("stress", "--noise", "gaussian", "--levels", "0,10,30", "--draws", "1", "--batch-size", "4")


def _sorted_rows(run: Path) -> list[tuple[object, ...]]:
    table = pq.read_table(run / "results.parquet")
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)


def test_the_first_signal_waits_for_the_piece_in_hand_and_the_second_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)):
        earlier = signal.getsignal(number)
        with PieceInHand() as hand:
            hand.written()
            signal.raise_signal(number)
            assert "stopping after the piece in hand" in capsys.readouterr().err
            with pytest.raises(error):
                hand.written()
            with pytest.raises(error):
                signal.raise_signal(number)
        assert signal.getsignal(number) is earlier


def test_before_the_first_piece_a_signal_ends_the_command_at_once() -> None:
    with PieceInHand(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_full_disk_ends_a_run_in_one_sentence_and_the_same_command_continues(tmp_path: Path) -> None:
    whole = robustq(*STRESS, "--data", "phantom:first=160,cases=2,domain=A", "--out", "whole", cwd=tmp_path)
    assert whole.returncode == 0
    size = max(file.stat().st_size for file in with_rows_folder(tmp_path / "whole").iterdir())
    others = ((tmp_path / "whole" / name).stat().st_size for name in ("results.parquet", "report.html"))
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (1000, size - 1, *(other - 1 for other in others)):
        # The system refuses to make a larger file, as a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, earlier[1]))
        try:
            stopped = robustq(*STRESS, "--data", "phantom:first=160,cases=2,domain=A", "--out", "run", cwd=tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
        assert stopped.returncode == 6
        assert "give the same command again" in stopped.stderr
        assert "Traceback" not in stopped.stderr

    done = robustq(*STRESS, "--data", "phantom:first=160,cases=2,domain=A", "--out", "run", cwd=tmp_path)

    assert done.returncode == 0
    assert _sorted_rows(tmp_path / "run") == _sorted_rows(tmp_path / "whole")


def test_a_run_directory_that_vanishes_is_not_begun_again(tmp_path: Path) -> None:
    from robustq.errors import StorageError
    from robustq.results.directory import RunDirectory

    directory = RunDirectory(tmp_path / "run")
    with directory.writing({"asked": {}}):
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        with pytest.raises(StorageError, match="is gone"):
            directory.write(0, [])

    assert not (tmp_path / "run").exists()


@pytest.mark.long
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_ends_with_its_status_and_continues_to_the_same_rows(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    command = [sys.executable, "-m", "robustq", *STRESS]
    with subprocess.Popen([*command, "--out", "run"], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not list((tmp_path / "run" / "rows").glob("*.parquet")):
            time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)  # so that it still writes when the second one begins
        refused = subprocess.run([*command, "--out", "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
        process.send_signal(signal.SIGCONT)
        os.kill(process.pid, number)
        _, prose = process.communicate()

    assert (refused.returncode, process.returncode) == (2, status)
    assert f"process {process.pid} on" in refused.stderr
    assert "run the same command with the same --out to continue" in prose
    assert not (tmp_path / "run" / "results.parquet").exists()
    for out in ("run", "whole"):
        subprocess.run([*command, "--out", out], cwd=tmp_path, check=True, capture_output=True)
    assert _sorted_rows(tmp_path / "run") == _sorted_rows(tmp_path / "whole")
