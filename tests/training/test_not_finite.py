"""Trainings in which a loss or a gradient is not finite, and the precision in which a training computes."""

import csv
import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robustq
from networks import noise, small
from robustq.data.open_dataset import open_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.errors import RequestError
from robustq.training.batches import Batches, items_of
from robustq.training.loss import SegmentationLoss
from robustq.training.precision import training_precision
from robustq.training.split import split

DATA = "phantom:cases=5,domain=A"
RECIPE: dict[str, Any] = {"epochs": 4, "batch_size": 2, "augmentation": False, "learning_rate": 1e-3}


class Net(nn.Module):
    """Two layers with a part in between that changes nothing, and may fail in training after so many passes."""

    def __init__(self, good_passes: int = 0) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 4, 4, 4), nn.ConvTranspose2d(4, 4, 4, 4)
        self.norm = nn.BatchNorm2d(4)
        self.good_passes = good_passes
        self.register_buffer("passes", torch.tensor(0))

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.down(images))
        if self.training:
            self.passes += 1
            if self.passes > self.good_passes:
                features = self.between(features)
        return self.up(features)

    def between(self, features: Tensor) -> Tensor:
        return features


class Rounding(Net):
    """Divides by a small number that is 0 where it is computed in 16 bits, and right in fp32."""

    def between(self, features: Tensor) -> Tensor:
        small_number = (1 + 1e-4 * torch.ones_like(features)) - 1
        return features * (1e-4 / small_number)


class NaN(Net):
    """Its answers in training are no numbers."""

    def between(self, features: Tensor) -> Tensor:
        return features * math.nan


class NaNGradient(Net):
    """Its answers are finite, and its gradients are not."""

    def between(self, features: Tensor) -> Tensor:
        return features + (0 * features).sqrt()


def wrapped(network: nn.Module) -> robustq.Segmenter:
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.reset_parameters()
    return robustq.wrap(network, "8x3", at="down", classes=4, example=noise(1, 1, 16, 16), copy=False)


def train(network: nn.Module, folder: Path, **changes: Any) -> robustq.Segmenter:
    callbacks = {name: changes.pop(name) for name in ("on_epoch", "on_note") if name in changes}
    recipe = robustq.Recipe(**RECIPE | changes)
    return robustq.train(wrapped(network), DATA, folder / "m.safetensors", recipe, **callbacks)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(value.equal(other[name]) for name, value in one.items())


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def precisions(folder: Path) -> list[str]:
    with open(folder / "m.history.csv") as file:
        return [line["precision"] for line in csv.DictReader(file)]


class Killed(BaseException):
    """What a process sees when it is told to stop."""


def test_auto_is_fp32_on_a_cpu_that_has_bf16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    notes: list[str] = []
    auto = train(Net(), tmp_path / "auto", precision="auto", epochs=2, on_note=notes.append)
    fp32 = train(Net(), tmp_path / "fp32", precision="fp32", epochs=2)
    assert notes == ["The training computes in fp32: auto is fp32 on a CPU."]
    assert equal(state(auto), state(fp32))
    assert auto.spec.training["recipe"]["precision"] == "fp32"
    assert auto.spec.training["precision_reason"] == "auto is fp32 on a CPU"
    assert fp32.spec.training["precision_reason"] == "as asked"
    assert precisions(tmp_path / "auto") == ["fp32", "fp32"]


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_on_a_gpu_that_has_it(has_bf16: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bf16)
    assert training_precision("auto", torch.device("cuda"))[0] == expected


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_where_a_loss_is_not_finite_the_training_goes_on_in_fp32_as_one_by_hand(precision: str, tmp_path: Path) -> None:
    notes: list[str] = []
    documents: list[dict[str, Any]] = []

    def look(epoch: object) -> None:
        documents.append(torch.load(tmp_path / "m.resume.pt", weights_only=True))

    # Two steps an epoch, so that the loss is NaN in the second step of epoch 3.
    trained = train(Rounding(good_passes=5), tmp_path, precision=precision, on_note=notes.append, on_epoch=look)
    assert notes[0] == f"The training computes in {precision}: as asked."
    assert notes[1].startswith("The loss is ")
    assert notes[1].endswith(f" in epoch 3 in {precision}. The training goes on in fp32 from the end of epoch 2.")
    assert len(notes) == 2
    assert precisions(tmp_path) == [precision, precision, "fp32", "fp32"]
    recorded = trained.spec.training["recipe"]
    assert recorded["precision"] == "fp32"
    assert recorded["changes"] == [f"precision {precision} until epoch 2, fp32 from epoch 3 on"]
    assert equal(documents[2]["model"], _epoch_by_hand(documents[1], epoch=3))


def _epoch_by_hand(document: dict[str, Any], epoch: int) -> dict[str, Tensor]:
    """The model after an epoch in fp32 that follows what a resume file holds."""
    model = wrapped(Rounding(good_passes=5))
    model.load_state_dict(document["model"])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    optimiser.load_state_dict(document["optimiser"])
    dataset = open_dataset(DATA)
    cases = PreparedCases(dataset, model.spec.preparation)
    training, _ = split(dataset.entries)
    batches = Batches(cases, items_of(cases, training), size=2, seed=model.spec.seed, augmented=False)
    criterion = SegmentationLoss("softmax", 3)
    model.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    for images, truth, ignored in batches.of_epoch(epoch):
        optimiser.zero_grad()
        output = model(images)
        (criterion(output, truth, ignored) + model.quantiser_loss).backward()
        optimiser.step()
    return state(model)


def test_where_the_first_epoch_is_not_finite_the_training_is_one_in_fp32(tmp_path: Path) -> None:
    notes: list[str] = []
    trained = train(Rounding(), tmp_path / "bf16", precision="bf16", epochs=2, on_note=notes.append)
    assert notes[1].endswith("in epoch 1 in bf16. It begins again in fp32.")
    assert "in epoch 1 in bf16" in trained.spec.training["precision_reason"]
    assert "changes" not in trained.spec.training["recipe"]
    assert equal(state(trained), state(train(Rounding(), tmp_path / "fp32", precision="fp32", epochs=2)))


def test_a_resumed_training_remembers_that_it_went_on_in_fp32(tmp_path: Path) -> None:
    def die(epoch: robustq.training.train.Epoch) -> None:
        if epoch.precision == "fp32":
            raise Killed

    notes: list[str] = []
    whole = train(Rounding(good_passes=4), tmp_path / "whole", precision="bf16")
    with pytest.raises(Killed):
        train(Rounding(good_passes=4), tmp_path / "killed", precision="bf16", on_epoch=die)
    resumed = train(Rounding(good_passes=4), tmp_path / "killed", precision="bf16", on_note=notes.append)
    assert "The training computes in fp32: the loss is" in notes[1]
    assert equal(state(resumed), state(whole))
    assert resumed.spec == whole.spec


def test_a_loss_that_is_never_finite_ends_the_training_and_leaves_no_file(tmp_path: Path) -> None:
    tmp_path.joinpath("other").touch()
    for precision in ("bf16", "fp32"):
        with pytest.raises(RequestError, match=r"^the loss is nan in epoch 1 in fp32: lower the learning rate"):
            train(NaN(), tmp_path, precision=precision)
    assert files(tmp_path) == ["other"]
    train(Net(), tmp_path, batch_size=4, epochs=1)


def test_a_gradient_that_is_not_finite_spoils_no_weight_on_file(tmp_path: Path) -> None:
    # One step an epoch: the loss of epoch 2 is finite, and the weights after it would be NaN.
    with pytest.raises(RequestError, match="a gradient is not finite in epoch 2 in fp32"):
        train(NaNGradient(good_passes=1), tmp_path, batch_size=4)
    document = torch.load(tmp_path / "m.resume.pt", weights_only=True)
    assert len(document["history"]) == 1
    assert all(value.isfinite().all() for value in document["model"].values())


def test_after_a_loss_that_was_not_finite_another_learning_rate_goes_on_from_the_last_whole_epoch(
    tmp_path: Path,
) -> None:
    seen: list[int] = []
    for _ in range(2):  # the same command ends in the same way
        with pytest.raises(RequestError, match=r"epoch 3 in fp32: .*another --learning-rate .* after epoch 2"):
            train(NaN(good_passes=4), tmp_path)
    with pytest.raises(RequestError, match=r"batch_size was 2 and is now 4.*delete it to start afresh"):
        train(NaN(good_passes=4), tmp_path, batch_size=4)
    trained = train(NaN(good_passes=99), tmp_path, learning_rate=1e-5, on_epoch=lambda epoch: seen.append(epoch.epoch))
    assert seen == [3, 4]
    change = "learning rate 0.001 until epoch 2, 1e-05 from epoch 3 on"
    assert trained.spec.training["recipe"]["changes"] == [change]
    assert files(tmp_path) == ["m.history.csv", "m.safetensors"]


def test_a_changed_learning_rate_is_the_one_of_the_steps_that_follow(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="epoch 2 in fp32"):
        train(NaN(good_passes=2), tmp_path)
    before = torch.load(tmp_path / "m.resume.pt", weights_only=True)["model"]
    trained = train(NaN(good_passes=99), tmp_path, learning_rate=1e-30, epochs=2)
    assert all(trained.state_dict()[name].equal(before[name]) for name, _ in trained.named_parameters())


def test_weights_that_are_spoilt_but_finite_do_not_stop_the_next_try(tmp_path: Path) -> None:
    # A step of 1e30 leaves weights that are finite, and give no finite loss whatever the learning rate is.
    with pytest.raises(RequestError, match="lower the learning rate"):
        train(Net(), tmp_path, learning_rate=1e30, batch_size=4)
    assert "m.resume.pt" in files(tmp_path)
    notes: list[str] = []
    trained = train(Net(), tmp_path, batch_size=4, on_note=notes.append)
    assert notes[-1].endswith("so the training starts afresh in fp32.")
    assert "changes" not in trained.spec.training["recipe"]
    assert equal(state(trained), state(train(Net(), tmp_path / "afresh", batch_size=4)))


def test_a_killed_training_keeps_its_learning_rate_and_precision(tmp_path: Path) -> None:
    def die(epoch: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(Net(), tmp_path, on_epoch=die, precision="fp32")
    with pytest.raises(RequestError, match=r"learning_rate was 0.001 and is now 0.1; precision was fp32 and is"):
        train(Net(), tmp_path, learning_rate=0.1, precision="bf16")


@pytest.mark.parametrize(
    ("network", "precision", "ends"),
    [
        (NaN, "fp32", pytest.raises(RequestError, match="lower the learning rate")),
        (NaN, "bf16", pytest.raises(RequestError, match="lower the learning rate")),
        (Rounding, "bf16", nullcontext()),
    ],
)
def test_the_model_that_was_given_stays_as_it_was(
    network: type[Net], precision: str, ends: AbstractContextManager[object], tmp_path: Path
) -> None:
    model = wrapped(network(good_passes=2)).train()
    model.network.up.eval()
    model.network.down.weight.requires_grad_(False)
    model(noise(2, 1, 16, 16)).sum().backward()
    gradient, modes = model.network.up.weight.grad.clone(), [module.training for module in model.modules()]
    before, spec, random = state(model), model.spec, torch.get_rng_state()
    with ends:
        robustq.train(model, DATA, tmp_path / "m.safetensors", robustq.Recipe(**RECIPE, precision=precision))
    assert equal(state(model), before)
    assert model.spec is spec
    assert model.network.up.weight.grad.equal(gradient)
    assert [module.training for module in model.modules()] == modes
    assert not model.network.down.weight.requires_grad
    assert torch.get_rng_state().equal(random)


@pytest.mark.parametrize("freeze", [(), ("encoder", "decoder")])
def test_a_resume_file_is_no_larger_than_one_and_a_half_times_model_and_optimiser(
    freeze: tuple[str, ...], tmp_path: Path
) -> None:
    scores = iter([0.5, 0.4])
    sizes: list[float] = []

    def measure(epoch: object) -> None:
        document = torch.load(tmp_path / "m.resume.pt", weights_only=True)
        torch.save({"model": document["model"], "optimiser": document["optimiser"]}, tmp_path / "both.pt")
        sizes.append((tmp_path / "m.resume.pt").stat().st_size / (tmp_path / "both.pt").stat().st_size)

    model = small("16x4", classes=4, width=16, scales=3, preparation=None)
    recipe = robustq.Recipe(epochs=2, augmentation=False, precision="fp32", freeze=freeze)
    with pytest.MonkeyPatch.context() as patch:
        # The first epoch is the best, so that its weights are not those of the last one.
        patch.setattr("robustq.training.trainer.validate", lambda *_, **__: (next(scores), None))
        robustq.train(model, DATA, tmp_path / "m.safetensors", recipe, on_epoch=measure)
    assert max(sizes) <= 1.5
    assert sizes[0] < 1.1, "the best epoch is the last one, and is kept once"
