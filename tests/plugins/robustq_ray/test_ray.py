"""Ray workers change nothing of a run, and nothing of them is left behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
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
WITH_TOKEN = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "of-this-test" * 4}
"""The environment of a cluster that lets in whoever knows its token."""

TWO_CASES = ("--data", "phantom:cases=2,domain=B")
ON_A_CLUSTER = (
    ("stress", *TWO_CASES, "--levels", "0,30", "--draws", "2", "--batch-size", "2"),
    ("analyse", *TWO_CASES, "--levels", "30", "--draws", "2", "--batch-size", "2"),
    ("minimal", *TWO_CASES, "--noise", "gaussian", "--draws", "1"),
)


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
            assert process.poll() is None
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Path]]:
    """The address of a cluster of two cores that `ray start` begins, and the folder of its files."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # the paths of Ray's sockets must be short
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    words = ["start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
    place = [f"--port={address.rpartition(':')[2]}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"]
    with subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *words, *place],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=WITH_TOKEN,
    ) as head:
        status = [sys.executable, "-m", "ray.scripts.scripts", "status", f"--address={address}"]
        while subprocess.run(status, env=WITH_TOKEN, capture_output=True).returncode:
            assert head.poll() is None
        yield address, folder
        started = children(head.pid)
        head.terminate()
    for _ in range(150):
        if not any(Path(f"/proc/{process}").exists() for process in started):
            break
        time.sleep(0.2)
    shutil.rmtree(folder)


@pytest.mark.long
@pytest.mark.parametrize("words", ON_A_CLUSTER, ids=lambda words: words[0])
def test_a_command_on_a_cluster_that_runs_already_writes_the_rows_of_the_local_executor(
    tmp_path: Path, cluster: tuple[str, Path], words: tuple[str, ...]
) -> None:
    address, folder = cluster
    for out, where in (("cluster", ["--executor", "ray", "--address", address]), ("local", [])):
        command = [sys.executable, "-m", "robustq", *words, *where, "--out", out]
        subprocess.run(command, cwd=tmp_path, env=WITH_TOKEN, check=True, capture_output=True)
    assert list(folder.glob("session_*/logs/worker-*.out"))  # they worked on the cluster
    on_cluster, local = (pd.read_parquet(tmp_path / name / "results.parquet") for name in ("cluster", "local"))
    pd.testing.assert_frame_equal(on_cluster, local)


@pytest.mark.long
def test_a_command_that_is_killed_leaves_its_cluster_free_for_the_same_command(
    tmp_path: Path, cluster: tuple[str, Path]
) -> None:
    command = [sys.executable, "-m", "robustq", *STRESS, "--out"]
    on_cluster = [*command, "run", "--executor", "ray", "--address", cluster[0]]
    with subprocess.Popen(on_cluster, cwd=tmp_path, env=WITH_TOKEN, stderr=subprocess.DEVNULL) as process:
        while not list((tmp_path / "run" / "rows").glob("*.parquet")):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    assert not (tmp_path / "run" / "results.parquet").exists()
    for words in (on_cluster, [*command, "whole"]):
        subprocess.run(words, cwd=tmp_path, env=WITH_TOKEN, check=True, capture_output=True)
    run, whole = (pd.read_parquet(tmp_path / name / "results.parquet") for name in ("run", "whole"))
    pd.testing.assert_frame_equal(run, whole)
