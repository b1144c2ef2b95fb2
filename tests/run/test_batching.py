"""Which batch size and memory format a run takes, and what that may change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import robustq
from analyses import model
from earlier_version import with_rows_folder
from networks import noise, small
from robustq.model.segmenter import Segmenter
from robustq.run import trial as trial_module
from robustq.run.batching import Batching, fastest
from robustq.run.trial import Trial

DATA = "phantom:cases=2,domain=A"
ASKED: dict[str, Any] = {"noise": ["gaussian"], "levels": [30], "draws": 3}


def found(
    times: dict[tuple[int, str], float], *, most: int = 1000, cut_short: bool = False
) -> tuple[Batching | None, list[Batching]]:
    """The fastest way for these times, and the ways that were timed; a way that is not named does not run."""
    timed: list[Batching] = []

    def seconds(way: Batching) -> float:
        timed.append(way)
        return times.get((way.batch_size, way.memory_format), float("inf"))

    return fastest(seconds, 16, most, cut_short=cut_short), timed


def test_a_network_that_is_fastest_with_one_image_is_timed_with_two_at_most() -> None:
    way, timed = found({(1, "contiguous"): 4, (1, "channels_last"): 3, (2, "contiguous"): 5, (2, "channels_last"): 4})
    assert way == Batching(1, "channels_last")
    assert max(other.batch_size for other in timed) == 2


def test_the_batch_grows_while_that_saves_time_in_the_better_memory_format() -> None:
    sizes = (1, 2, 4, 8, 16)
    way, timed = found({(size, name): 1 / size for size in sizes for name in ("contiguous", "channels_last")})
    assert way == Batching(16, "contiguous")
    assert [other.batch_size for other in timed] == [1, 1, 2, 2, 4, 8, 16]


def test_channels_last_is_not_taken_for_a_gain_that_may_be_chance_or_where_it_does_not_run() -> None:
    assert found({(1, "contiguous"): 100, (1, "channels_last"): 98})[0] == Batching(1)
    assert found({(1, "contiguous"): 100})[0] == Batching(1)
    assert found({})[0] is None


def test_a_small_run_is_tried_not_at_all_and_a_trial_that_cannot_end_finds_nothing() -> None:
    times = {(size, "contiguous"): 1 / size for size in (1, 2, 4, 8, 16)}
    assert found(times, most=11) == (None, [])
    assert found(times, most=30)[0] is None
    robustq.stress({"m": model()}, DATA, **ASKED, on_note=pytest.fail)


def test_a_trial_on_a_processor_that_cannot_end_takes_the_fastest_way_it_tried() -> None:
    times = {(size, name): 1 / size for size in (1, 2, 4, 8, 16) for name in ("contiguous", "channels_last")}
    assert found(times, most=3, cut_short=True) == (None, [])
    assert found(times, most=4, cut_short=True)[0] == Batching(1)
    assert found(times, most=30, cut_short=True)[0] == Batching(4)
    assert found(times, cut_short=True) == found(times)
    assert found({}, most=4, cut_short=True)[0] is None


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trial of every model ends with two images, channels last; the names of the models are noted."""
    names: list[str] = []

    def find(self: Trial, planned: float, largest: int) -> dict[str, Batching]:
        names.extend(self.models)
        return dict.fromkeys(self.models, Batching(2, "channels_last"))

    monkeypatch.setattr(Trial, "fastest", find)
    return names


def lose_a_batch(directory: Path) -> None:
    """Leave the run as a process that was killed leaves it."""
    rows = with_rows_folder(directory)
    (directory / "results.parquet").unlink()
    next(iter(rows.iterdir())).unlink()


def test_what_a_trial_found_is_said_once_and_repeated_by_a_resumed_run(tried: list[str], tmp_path: Path) -> None:
    notes: list[str] = []
    whole = robustq.stress({"m": model()}, DATA, **ASKED, out=tmp_path, on_note=notes.append).to_frame()
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["batching"] == {"m": {"batch_size": 2, "memory_format": "channels_last"}}
    assert notes == ["Fastest here, by a short trial: 2 images a pass, channels last (m). --batch-size fixes it."]
    lose_a_batch(tmp_path)
    again = robustq.stress({"m": model()}, DATA, **ASKED, out=tmp_path, on_note=notes.append).to_frame()
    assert (tried, len(notes)) == (["m"], 1)
    pd.testing.assert_frame_equal(whole, again)


def test_rows_agree_with_those_of_a_batch_size_that_was_asked_for(tried: list[str]) -> None:
    one, other = (robustq.stress({"m": model()}, DATA, **ASKED, batch_size=size).to_frame() for size in (None, 1))
    assert tried == ["m"]
    pd.testing.assert_frame_equal(one.drop(columns="value"), other.drop(columns="value"))
    np.testing.assert_allclose(one["value"].to_numpy(float), other["value"].to_numpy(float), atol=0.02)


def test_processes_take_what_the_trial_found(tried: list[str], tmp_path: Path) -> None:
    local, several = (
        robustq.stress({"m": model()}, DATA, **ASKED, executor=executor).to_frame()
        for executor in ("local", "processes:1")
    )
    assert len(tried) == 2
    pd.testing.assert_frame_equal(local, several)


def test_an_analysis_takes_it_too(tried: list[str], tmp_path: Path) -> None:
    asked = {"check": "latent-variance", "levels": [30], "draws": 3}
    tables = [robustq.analyse({"m": model()}, DATA, **asked, batch_size=size).to_frame() for size in (None, 4)]
    assert tried == ["m"]
    one, other = (table["value"].to_numpy(float) for table in tables)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_a_run_that_an_earlier_version_began_goes_on_without_a_trial(tried: list[str], tmp_path: Path) -> None:
    whole = robustq.stress({"m": model()}, DATA, **ASKED, batch_size=16, out=tmp_path).to_frame()
    lose_a_batch(tmp_path)
    pd.testing.assert_frame_equal(whole, robustq.stress({"m": model()}, DATA, **ASKED, out=tmp_path).to_frame())
    assert tried == []
    assert "batching" not in json.loads((tmp_path / "run.json").read_text())


def test_identical_draws_are_passed_once(tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    run = Segmenter.run

    def counted(self: Segmenter, images: Tensor) -> Any:
        shown.append(len(images))
        return run(self, images)

    monkeypatch.setattr(Segmenter, "run", counted)
    asked = {"noise": ["ghosting"], "levels": [30], "draws": 10}
    once = robustq.stress({"m": model("none")}, "phantom:cases=1,domain=A", **asked).to_frame()
    passed = sum(shown)
    each = robustq.stress({"m": model("none")}, "phantom:cases=1,domain=A", **asked, batch_size=2).to_frame()
    assert passed < sum(shown) - passed == 11
    pd.testing.assert_frame_equal(once.drop(columns="value"), each.drop(columns="value"))
    np.testing.assert_allclose(once["value"].to_numpy(float), each["value"].to_numpy(float), atol=0.02)


class Mixing(nn.Module):
    """Its answer to an image depends on the other images of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.first(images)
        return self.last(maps - maps.mean(dim=(0, 2, 3), keepdim=True))


def test_a_network_that_mixes_the_images_of_a_batch_is_shown_them_as_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trial_module, "SHARE", 100.0)
    mixing = robustq.wrap(Mixing(), "none", example=noise(1, 1, 24, 20), preparation=model().spec.preparation)
    robustq.stress({"mixing": mixing, "steady": model()}, DATA, **ASKED, out=tmp_path)
    assert set(json.loads((tmp_path / "run.json").read_text())["batching"]) == {"steady"}


@pytest.mark.parametrize("dims", [2, 3])
def test_a_memory_format_changes_strides_and_no_value(dims: int) -> None:
    segmenter, images = small(dims=dims).eval(), noise(2, 1, *[16] * dims)
    before = {name: (tensor.clone(), tensor.stride()) for name, tensor in segmenter.state_dict().items()}
    with torch.no_grad():
        scores = segmenter.run(images).logits
        with segmenter.laid_out("channels_last"):
            others = segmenter.run(images).logits
            last = segmenter.state_dict()
    assert any(last[name].stride() != strides for name, (_, strides) in before.items())
    assert all(last[name].equal(values) for name, (values, _) in before.items())
    assert {name: tensor.stride() for name, tensor in segmenter.state_dict().items()} == {
        name: strides for name, (_, strides) in before.items()
    }
    torch.testing.assert_close(scores, others, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_weights_for_a_grey_image_have_channels_last_too(dims: int) -> None:
    network = robustq.wrap("unet", "none", dims=dims, width=8).eval()
    memory_format = torch.channels_last if dims == 2 else torch.channels_last_3d
    with network.laid_out("channels_last"):
        weights = [module.weight for module in network.modules() if isinstance(module, nn.Conv2d | nn.Conv3d)]
        assert any(weight.shape[1] == 1 for weight in weights)
        for weight in weights:
            assert weight.stride() == torch.empty(weight.shape, memory_format=memory_format).stride()


def test_all_maps_of_a_grey_image_have_channels_last() -> None:
    network, images = robustq.wrap("unet", "none", width=8).eval(), noise(1, 1, 32, 32)
    others: list[str] = []

    def look(module: nn.Module, arguments: object, maps: Tensor) -> None:
        if not maps.is_contiguous(memory_format=torch.channels_last):
            others.append(type(module).__name__)

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(look)
    with torch.no_grad(), network.laid_out("channels_last"):
        network.run(images)
    assert not others
