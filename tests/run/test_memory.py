"""Where memory is too small, batches become smaller; an image that is too much is named and the run goes on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import analyses
import robustq
from robustq.errors import CaseError, RequestError
from robustq.network.memory import TOO_LARGE, is_out_of_memory, with_smaller_batches
from robustq.results.analysis import Analysis
from robustq.results.stress_run import Run
from robustq.run.demonstration import demonstration_pair
from robustq.training.recipe import Recipe
from robustq.training.trainer import Trainer

SCRIPT = """
import resource, sys
from dataclasses import replace
import torch
import robustq
from robustq.model.load import load
from robustq.run.demonstration import demonstration_pair

command, out, needed, needed_by_noise = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
model = load(demonstration_pair()["vq-unet"])
encode = model.network.encoder.forward

def greedy(images):
    noisy = int((images.flatten(1).std(1) > 0.5).sum())
    torch.empty((needed * len(images) + needed_by_noise * noisy) << 20, dtype=torch.uint8)
    return encode(images)

model.network.encoder.forward = greedy
data = "phantom:cases=2,domain=B"
torch.set_num_threads(1)
robustq.stress(None, data, levels=[10], draws=1)  # libraries are loaded before the limit is set
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), -1))
if command == "analyse":
    robustq.analyse(model, data, check="latent-variance", levels=[10, 60], draws=4, batch_size=8, out=out)
else:
    robustq.stress(model, data, levels=[10, 60], draws=4, batch_size=8, out=out)
"""


def under_a_limit(command: str, out: Path, needed: int, needed_by_noise: int = 0) -> None:
    """Run a command on two cases with 1 GiB of memory to spare; each image needs so many MiB, a noisy one more."""
    words = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run([*words, command, out, str(needed), str(needed_by_noise)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_a_refused_allocation_halves_the_batch_and_the_run_directory_says_so(tmp_path: Path) -> None:
    under_a_limit("stress", tmp_path / "run", 300)
    run = Run(tmp_path / "run")
    frame = run.to_frame()
    assert set(frame["status"]) <= {"ok", "missed"}
    reason = "computed in batches of 2, because 8 did not fit in memory"
    assert reason in set(frame["reason"])
    notes = json.loads((tmp_path / "run" / "summary.json").read_text())["notes"]
    assert notes.count(f"Some rows were {reason}.") == 1
    plain = robustq.stress(
        {"model": demonstration_pair()["vq-unet"]}, "phantom:cases=2,domain=B", levels=[10, 60], draws=4
    ).to_frame()
    assert frame["value"].to_numpy(float) == pytest.approx(plain["value"].to_numpy(float), abs=0.01)


def test_a_case_that_does_not_fit_alone_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    under_a_limit("stress", tmp_path / "run", 10, 5000)
    run = Run(tmp_path / "run")
    frame = run.to_frame()
    failed = frame[frame["status"] == "failed"]
    assert set(failed["level"]) == {60.0}
    assert set(failed["reason"]) == {TOO_LARGE}
    assert set(run.failures) == set(frame["case"])
    assert (frame[frame["level"] == 10]["status"] != "failed").all()
    curve = run.summary()["curves"][0]
    assert curve["levels"][2]["unanswered"] == len(failed[failed["metric"] == "dice"])
    assert curve["retention"][2] is None


def test_an_analysis_does_the_same(tmp_path: Path) -> None:
    under_a_limit("analyse", tmp_path / "run", 300)
    assert any("in batches of 2, because 8" in note for note in Analysis(tmp_path / "run").summary()["notes"])
    under_a_limit("analyse", tmp_path / "noisy", 10, 5000)
    analysis = Analysis(tmp_path / "noisy")
    rows = analysis.to_frame()
    assert set(rows[rows["level"] == 60]["status"]) == {"failed"}
    assert any(TOO_LARGE in note for note in analysis.summary()["notes"])


def test_the_largest_half_that_fits_is_taken() -> None:
    def compute(size: int) -> str:
        if size > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return f"in batches of {size}"

    assert with_smaller_batches(compute, 16) == ("in batches of 2", 2)


def test_a_batch_of_one_that_does_not_fit_is_a_refusal_and_other_errors_are_raised_again() -> None:
    def compute(size: int) -> None:
        raise MemoryError

    with pytest.raises(CaseError, match="even with a batch of one"):
        with_smaller_batches(compute, 5)
    with pytest.raises(ZeroDivisionError):
        with_smaller_batches(lambda size: 1 // 0, 4)
    assert not is_out_of_memory(RuntimeError("the shapes differ"))


def test_a_training_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "_take_steps", refused)
    model = analyses.model()
    with pytest.raises(RequestError, match=r"epoch 1 does not fit in the memory of cpu: .* --batch-size"):
        robustq.train(model, "phantom:cases=6", tmp_path / "trained.safetensors", Recipe(epochs=1, device="cpu"))
