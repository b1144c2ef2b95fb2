"""What the processor computes, a GPU computes too. These tests need a GPU that PyTorch can use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import robustq
from analyses import analyse, model
from networks import noise, small, with_patch
from robustq.results.rows import SMALLER

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")

DATA = "phantom:cases=2,domain=A"
ASKED: dict[str, Any] = {"levels": [10, 30], "draws": 3}


@pytest.fixture(autouse=True)
def whole_float32() -> Iterator[None]:
    """Convolutions in float32 alone: by default a GPU rounds their inputs to the ten bits of TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def pair() -> dict[str, robustq.Segmenter]:
    return {"vq": model(), "plain": model("none")}


@pytest.mark.parametrize("noises", [["gaussian", "motion"], ["elastic", "poisson"]])
def test_the_same_noise_gives_the_same_rows(noises: list[str]) -> None:
    here, there = (robustq.stress(pair(), DATA, noise=noises, device=device, **ASKED) for device in ("cpu", "cuda"))
    one, other = here.to_frame(), there.to_frame()
    names = ["case", "model", "perturbation", "level", "draw", "label", "metric", "seed", "parameters"]
    one, other = (frame[frame["metric"] != "code_usage"].reset_index(drop=True) for frame in (one, other))
    assert one[names].equals(other[names])
    np.testing.assert_allclose(one["value"].to_numpy(float), other["value"].to_numpy(float), atol=0.02)


def test_noise_of_the_gpu_is_repeated() -> None:
    one, other = (
        robustq.stress(pair(), DATA, device="cuda", noise_device="cuda", batch_size=4, **ASKED) for _ in range(2)
    )
    assert one.to_frame().equals(other.to_frame())


def test_an_attack_lowers_dice_on_both_alike() -> None:
    here, there = (
        robustq.stress(pair(), DATA, attack=["pgd@3"], levels=[5], device=device).to_frame()
        for device in ("cpu", "cuda")
    )
    means = [frame.groupby(["model", "level"])["value"].mean() for frame in (here, there)]
    np.testing.assert_allclose(*means, atol=0.05)


def test_an_analysis_gives_the_same_figures() -> None:
    here, there = (
        analyse(check="codebook,latent-variance,taylor", device=device).to_frame() for device in ("cpu", "cuda")
    )
    one, other = (frame["value"].to_numpy(float) for frame in (here, there))
    assert np.isclose(one, other, rtol=0.02, atol=1e-4, equal_nan=True).mean() > 0.98


def test_windows_and_volumes_are_answered() -> None:
    volumes = [(noise(1, 12, 14, 10, seed=seed), (noise(12, 14, 10, seed=seed) > 0).long()) for seed in range(2)]
    windowed = with_patch(small("16x4", dims=3), 8, 8, 8)
    frames = [robustq.stress({"m": windowed}, volumes, device=device, **ASKED).to_frame() for device in ("cpu", "cuda")]
    one, other = (frame[frame["metric"] == "dice"]["value"].to_numpy(float) for frame in frames)
    np.testing.assert_allclose(one, other, atol=0.02)


@pytest.mark.parametrize("quantise", ["vq:16x6", "ema:16x6", "cosine:16x6", "residual:2x16x6", "fsq:5x4x3", "lfq:6"])
def test_a_quantiser_chooses_the_same_codes(quantise: str) -> None:
    segmenter = small(quantise)
    images = noise(2, 1, 16, 16)
    with torch.no_grad():
        here = segmenter.run(images)
        there = segmenter.to(device="cuda").run(images.cuda())
    assert here.codes is not None
    assert there.codes is not None
    assert (there.codes.cpu() == here.codes).float().mean() > 0.95


def test_a_model_trained_there_answers_here(tmp_path: Path) -> None:
    recipe = robustq.Recipe(epochs=3, batch_size=2, learning_rate=1e-2, device="cuda")
    trained = robustq.train(model(), "phantom:cases=6,domain=A", tmp_path / "m.safetensors", recipe)
    assert trained.device.type == "cpu"
    rows = robustq.stress({"m": robustq.load(tmp_path / "m.safetensors")}, DATA, device="cpu", **ASKED).to_frame()
    assert (rows["status"] != "no-answer").all()


def test_a_batch_that_does_not_fit_is_halved_and_the_rows_say_so(tmp_path: Path) -> None:
    images = [(noise(1, 512, 512, seed=0), (noise(512, 512, seed=0) > 0).long())]
    network = small("none", width=64)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    with torch.no_grad():
        network.to(device="cuda").run(noise(1, 1, 512, 512).cuda())
    needed, whole = torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(0).total_memory
    network.to(device="cpu")
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(4 * needed / whole)
    try:
        run = robustq.stress({"m": network}, images, levels=[10], draws=16, batch_size=16, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    frame = run.to_frame()
    assert frame["value"].notna().all()
    assert frame["reason"].str.startswith(SMALLER).any()


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(robustq.RequestError, match="doctor"):
        robustq.stress(pair(), DATA, device=f"cuda:{torch.cuda.device_count()}", **ASKED)
