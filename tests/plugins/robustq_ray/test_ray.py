"""Ray workers change nothing of a run, and nothing of them is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

import robustq
from earlier_version import with_rows_folder
from robustq.errors import RequestError, StorageError
from robustq.run.progress import open_executor

pytest.importorskip("ray", reason="ray is large: make test-ray has an environment of its own for it")

STRESS = ("stress", "--noise", "gaussian", "--levels", "0,10,30", "--draws", "1", "--batch-size", "4")


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    """A Ray with two cores, and a GPU that it only believes in; the executor takes it as it is."""
    from robustq_ray.session import LOCAL, connected

    with connected(LOCAL, cpus=2, gpus=1, stored=0):
        yield


def stressed(out: Path, **asked: object) -> pd.DataFrame:
    run = robustq.stress(None, "phantom:cases=2,domain=B", levels=(30,), draws=2, out=out, **asked)
    return run.to_frame()


def dies_once(mark: tuple[str, int]) -> int:
    """Ends its process the first time that it is called with a path, as the system does for want of memory."""
    path, number = mark
    if path and not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies(number: int) -> int:
    os._exit(9)


class Surroundings:
    """Work on a device that says where it is computed."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def __call__(self, batch: int) -> tuple[str, int, str]:
        return os.environ.get("CUDA_VISIBLE_DEVICES", ""), torch.get_num_threads(), os.getcwd()


def test_work_that_cannot_be_handed_over_is_refused() -> None:
    lock = threading.Lock()
    with pytest.raises(RequestError, match="cannot be handed to a Ray worker"):
        list(open_executor("ray:1").results(lambda batch: lock, {0: 0}))


@pytest.mark.parametrize(
    "setting", ["0", "-1", "two", "gpus=0.5,gpus=1", "gpus=1.5", "gpus=no", "address=", "address=here", "cpus=3"]
)
def test_a_setting_that_ray_does_not_take_is_refused(setting: str) -> None:
    with pytest.raises(RequestError, match="was asked: "):
        open_executor(f"ray:{setting}")


def test_an_address_without_a_cluster_is_refused() -> None:
    with pytest.raises(RequestError, match=r"no Ray cluster could be used at '127\.0\.0\.1:1'"):
        list(open_executor("ray:address=127.0.0.1:1").results(dies, {0: 0}))


@pytest.mark.usefixtures("two_workers")
def test_ray_gives_the_rows_of_the_local_executor_and_each_continues_the_run_of_the_other(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    local, several = stressed(tmp_path / "local"), stressed(tmp_path / "several", executor="ray:2")
    pd.testing.assert_frame_equal(local, several)
    for folder, executor in (("local", "ray:2"), ("several", "local")):
        rows = with_rows_folder(tmp_path / folder)
        (tmp_path / folder / "results.parquet").unlink()
        for file in sorted(rows.iterdir())[::2]:
            file.unlink()
        pd.testing.assert_frame_equal(local, stressed(tmp_path / folder, executor=executor))


@pytest.mark.usefixtures("two_workers")
def test_the_batch_of_a_worker_that_is_killed_is_computed_by_another_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    batches = {0: ("", 10), 1: (str(tmp_path / "died"), 11), 2: ("", 12)}
    assert dict(open_executor("ray:2").results(dies_once, batches)) == {0: 10, 1: 11, 2: 12}
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("two_workers")
def test_a_batch_of_which_every_worker_dies_ends_the_run_in_one_sentence() -> None:
    with pytest.raises(StorageError, match="4 Ray workers in turn ended while they computed batch 0"):
        list(open_executor("ray:1").results(dies, {0: 0}))


@pytest.mark.usefixtures("two_workers")
def test_a_worker_has_one_thread_the_folder_of_the_run_and_a_gpu_only_where_the_models_need_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert dict(open_executor("ray:1").results(Surroundings("cpu"), {0: 0})) == {0: ("", 1, os.getcwd())}
    assert dict(open_executor("ray:gpus=1").results(Surroundings("cpu"), {0: 0})) == {0: ("0", 1, os.getcwd())}
    cluster = open_executor("ray:address=elsewhere:6379")  # the Ray that runs already is taken
    assert dict(cluster.results(Surroundings("cuda"), {0: 0})) == {0: ("0", 1, os.getcwd())}


@pytest.mark.usefixtures("two_workers")
def test_a_gpu_by_number_is_refused_because_ray_chooses() -> None:
    with pytest.raises(RequestError, match="write --device cuda"):
        list(open_executor("ray:1").results(Surroundings("cuda:1"), {0: 0}))


def children(process: int) -> set[int]:
    """The processes that this one has started, and theirs."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.splitlines()
    parents = {int(child): int(parent) for child, parent in map(str.split, lines)}
    below, more = set[int](), {process}
    while more:
        below |= more
        more = {child for child, parent in parents.items() if parent in below} - below
    return below - {process}


@pytest.mark.long
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_on_ray_that_is_stopped_leaves_no_process_and_continues_to_the_same_rows(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    command = [sys.executable, "-m", "robustq", *STRESS]
    on_ray = [*command, "--executor", "ray:2", "--out", "run"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        on_ray, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while not list((tmp_path / "run" / "rows").glob("*.parquet")):
            time.sleep(0.05)
        started = children(process.pid)
        process.send_signal(number)
        said, _ = process.communicate()
    assert process.returncode == status
    assert "raylet" not in said
    assert not (tmp_path / "run" / "results.parquet").exists()
    for _ in range(600):  # helpers of Ray notice only after a while that their parent has died
        left = {one for one in started if Path(f"/proc/{one}").exists()}
        if not left:
            break
        time.sleep(0.2)
    assert not left
    for words in (on_ray, [*command, "--out", "whole"]):
        subprocess.run(words, cwd=tmp_path, env=environment, check=True, capture_output=True)
    frames = [pd.read_parquet(tmp_path / name / "results.parquet") for name in ("run", "whole")]
    order = ["model", "case", "level", "draw", "label"]
    pd.testing.assert_frame_equal(*(frame.sort_values(order, ignore_index=True) for frame in frames))
