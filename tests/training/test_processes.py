import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import robustq
from processes import in_two_processes
from robustq.network.global_generators import GeneratorStream
from robustq.training.processes import ALONE, Processes
from shared_trainings import DATA, RECIPE, all_of_it, phantom_model, train


class Killed(BaseException):
    """What a process sees when it is told to stop."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder of the bundles, and what two processes gave; one training was begun by one process alone."""
    meeting, folder = tmp_path_factory.mktemp("meeting"), tmp_path_factory.mktemp("bundles")

    def die(epoch: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        robustq.train(phantom_model("ema:16x4"), DATA, folder / "resumed.safetensors", RECIPE, on_epoch=die)
    return folder, in_two_processes(all_of_it, meeting, folder)


@pytest.mark.parametrize("quantise", ["ema:16x4", "lfq:4"])
def test_two_processes_train_as_one_does(shared: Any, quantise: str, tmp_path: Path) -> None:
    _, (main, _) = shared
    weights, losses = train(quantise, tmp_path / "one.safetensors")
    shared_weights, shared_losses = main[quantise.partition(":")[0]]
    assert shared_losses == pytest.approx(losses, rel=1e-4)
    for name, value in weights.items():
        torch.testing.assert_close(shared_weights[name], value, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("name", ["ema", "lfq", "dropout", "resumed"])
def test_both_processes_have_the_same_weights_and_codebook_and_one_reports(shared: Any, name: str) -> None:
    _, results = shared
    (weights, losses), (others, silent) = (result[name] for result in results)
    assert weights.keys() == others.keys()
    assert all(value.equal(others[key]) for key, value in weights.items())
    assert len(losses) == (2 if name == "resumed" else 3)
    assert silent == []


def test_a_training_that_one_process_began_is_continued_by_two(shared: Any, tmp_path: Path) -> None:
    folder, (main, _) = shared
    weights, losses = train("ema:16x4", tmp_path / "one.safetensors")
    with open(folder / "resumed.history.csv") as file:
        written = [float(line["loss"]) for line in csv.DictReader(file)]
    assert written == pytest.approx(losses, rel=1e-4)
    torch.testing.assert_close(main["resumed"][0], weights, rtol=1e-3, atol=1e-4)


def test_one_process_writes_and_the_files_are_those_of_any_training(shared: Any) -> None:
    folder, (main, _) = shared
    assert sorted(path.name for path in folder.glob("ema*")) == ["ema.history.csv", "ema.safetensors"]
    assert not list(folder.glob("*.resume.pt"))
    again = robustq.load(folder / "ema.safetensors")
    assert all(value.equal(main["ema"][0][name]) for name, value in again.state_dict().items())
    assert again.spec.training["processes"] == 2


def test_the_main_process_says_what_is_refused_and_the_other_ends_too(shared: Any) -> None:
    _, (main, other) = shared
    assert main["refusals"][0].startswith("RequestError")
    assert "is a trained bundle already" in main["refusals"][0]
    assert other["refusals"][0].startswith("MainProcessError")
    assert "2 processes cannot share batches of 1" in main["refusals"][1]


@pytest.mark.parametrize("length", range(1, 8))
@pytest.mark.parametrize("count", range(1, 5))
def test_shares_hold_every_item_once_in_order_and_stand_ins_for_nothing(length: int, count: int) -> None:
    processes = [Processes(rank, count) for rank in range(count)]
    items = list(range(length))
    shown = [items[one.share(length)] for one in processes]
    lengths = ALONE.lengths(length) if count == 1 else processes[0].lengths(length)
    assert max(lengths) - min(lengths) <= 1
    assert [item for share, own in zip(shown, lengths, strict=True) for item in share[:own]] == items
    assert all(share == [0] for share, own in zip(shown, lengths, strict=True) if not own)


def test_a_stream_goes_on_whatever_else_draws() -> None:
    torch.manual_seed(5)
    stream = GeneratorStream()
    alone = torch.rand(4)
    after = torch.get_rng_state()
    with stream.taken():
        first = torch.rand(2)
    assert torch.get_rng_state().equal(after)
    torch.rand(3)
    with stream.taken():
        second = torch.rand(2)
    assert torch.cat([first, second]).equal(alone)


@pytest.mark.long
def test_accelerate_launch_trains_as_the_command_alone_does(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed: pip install 'robustq[accelerate]'")
    phantom_model("ema:16x4").save(tmp_path / "m.safetensors")
    command = ["-m", "robustq_cli", "train", str(tmp_path / "m.safetensors"), "--data", DATA, "--batch-size", "4"]
    command += ["--epochs", "3", "--device", "cpu", "--out"]
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]
    for name, start in (("one", []), ("two", launch)):
        out = str(tmp_path / f"{name}.safetensors")
        done = subprocess.run([sys.executable, *start, *command, out], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("validation Dice") == 1
    with open(tmp_path / "one.history.csv") as one, open(tmp_path / "two.history.csv") as two:
        curves = [[float(line["loss"]) for line in csv.DictReader(file)] for file in (one, two)]
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
