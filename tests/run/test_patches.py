"""Runs of models that answer by sliding window."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

import robustq
from networks import noise, small
from robustq.data.in_memory import InMemoryDataset
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.model.windows import batches_of, windows_of
from robustq.scoring.mean_dice import mean_dice
from robustq_latent.code_maps import code_maps
from robustq_latent.occupancy import label_shares
from robustq_latent.window_cases import window_cases

PAIRS = [(noise(12 + 2 * n, 10, seed=n).numpy(), (noise(12 + 2 * n, 10, seed=n) > 0.5).int().numpy()) for n in range(2)]
VOLUMES = [(noise(9, 8 + n, 3, seed=n).numpy(), (noise(9, 8 + n, 3, seed=n) > 0.5).int().numpy()) for n in range(2)]


def model(quantise: str = "16x4", *, patch: tuple[int, ...] | None = (8, 6)) -> Segmenter:
    return small(quantise, preparation=robustq.Preparation(patch=patch))


def test_noise_is_drawn_for_the_whole_case_whether_or_not_there_is_a_patch() -> None:
    columns = ["case", "perturbation", "level", "draw", "seed", "parameters"]
    runs = [
        robustq.stress({"m": model(patch=patch)}, PAIRS, levels=[5, 30], draws=3, noise=["gaussian", "s&p"])
        for patch in (None, (8, 6))
    ]
    plain, patched = (run.to_frame().query("metric == 'dice'")[columns].reset_index(drop=True) for run in runs)
    pd.testing.assert_frame_equal(
        plain.sort_values(columns, ignore_index=True), patched.sort_values(columns, ignore_index=True)
    )


@pytest.mark.parametrize("data", [PAIRS, VOLUMES])
def test_a_row_says_what_monais_sliding_window_over_the_noisy_case_says(data: list[tuple[object, object]]) -> None:
    from monai.inferers.utils import sliding_window_inference

    from robustq.draws.by_name import load_perturbations
    from robustq.draws.draw_settings import DrawSettings
    from robustq.draws.perturbed import Perturber

    segmenter, dataset = model(), InMemoryDataset(data)
    run = robustq.stress({"m": segmenter}, dataset, levels=[20], draws=2, seed=7)
    case = segmenter.spec.preparation(dataset.read(dataset.entries[1]))
    image = Perturber(load_perturbations(["gaussian"]), DrawSettings(7))(case, "gaussian", 20, 1).image
    slices = image[None] if case.slice_axis is None else image.movedim(case.slice_axis + 1, 0)
    with torch.no_grad():
        scores = sliding_window_inference(
            slices, (8, 6), 16, lambda batch: segmenter.run(batch).logits, overlap=0.5, mode="gaussian"
        )
    answer = segmenter.masks(scores)
    answer = answer[0] if case.slice_axis is None else answer.movedim(0, case.slice_axis + 1)
    frame = run.to_frame().query("metric == 'dice' and level == 20 and draw == 1")
    assert frame[frame["case"] == case.entry.id]["value"].item() == pytest.approx(mean_dice(answer, case))


def test_codes_in_use_count_the_tokens_of_all_windows() -> None:
    segmenter, dataset = model(), InMemoryDataset(PAIRS)
    frame = robustq.stress({"m": segmenter}, dataset, levels=[20], draws=1).to_frame()
    usage = frame.query("metric == 'code_usage'").groupby("case")["value"].sum()
    for entry in dataset.entries:
        image = segmenter.spec.preparation(dataset.read(entry)).image
        windows = torch.cat(list(batches_of(segmenter, image[None], batch_size=3)))
        assert usage[entry.id] == len(windows) * 4 * 3


@pytest.mark.parametrize("data", [PAIRS, VOLUMES])
def test_an_analysis_is_that_of_the_windows_and_says_so(data: list[tuple[object, object]]) -> None:
    found = robustq.analyse({"m": model()}, data, check="all", levels=[20], draws=2)
    assert not found.failures
    assert any("sliding window (8 × 6)" in note for note in found.grids()[-1].notes)
    assert any("sliding window" in note for note in found.summary()["notes"])
    maps = code_maps(found.to_frame())
    assert maps
    assert all(code_map.codes.shape == (4, 3) and code_map.image.shape == (8, 6) for code_map in maps)
    whole = robustq.analyse({"m": model(patch=None)}, data, check="liveness", levels=[20], draws=2)
    assert not any("sliding window" in note for grid in whole.grids() for note in grid.notes)


@pytest.mark.parametrize("data", [PAIRS, VOLUMES])
def test_windows_of_a_case_lie_where_the_model_sees_them(data: list[tuple[object, object]]) -> None:
    segmenter, dataset = model(), InMemoryDataset(data)
    case = segmenter.spec.preparation(dataset.read(dataset.entries[1]))
    parts = window_cases(case, windows_of(segmenter.spec.preparation))
    slices = case.image[None] if case.slice_axis is None else case.image.movedim(case.slice_axis + 1, 0)
    shown = torch.cat(list(batches_of(segmenter, slices, batch_size=5)))
    assert torch.stack([part.image for part in parts]).equal(shown)
    assert window_cases(case, None) == [case]
    one = replace(parts[0], mask=torch.zeros_like(parts[0].mask))
    assert label_shares(one, (4, 3)).tolist() == [[0.0] * 12, [1.0] * 12]


def test_a_search_and_an_attack_answer_by_windows() -> None:
    models = {"m": model(), "plain": model("none")}
    found = robustq.minimal_levels(models, PAIRS, "gaussian", draws=2, resolution=5)
    assert len(found.to_frame()) == 4
    attacked = robustq.stress(models, PAIRS, attack=["pgd@2", "bpda@2"], levels=[5], draws=1).to_frame()
    assert set(attacked.query("metric == 'dice'")["perturbation"]) >= {"pgd@2", "bpda@2"}


def test_models_with_and_without_a_patch_are_not_compared() -> None:
    with pytest.raises(RequestError, match=r"prepare their cases differently \(patch \(8, 6\) against None\)"):
        robustq.stress({"a": model(), "b": model(patch=None)}, PAIRS)


def test_a_plain_network_with_a_patch_is_never_shown_more_than_a_window() -> None:
    class Watching(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = torch.nn.Conv2d(1, 2, 2, stride=2), torch.nn.ConvTranspose2d(2, 2, 2, stride=2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            assert images.shape[2:] == (8, 6)
            return self.head(self.layer(images))

    preparation = robustq.Preparation(patch=(8, 6))
    for data in (PAIRS, VOLUMES):
        run = robustq.stress({"net": Watching()}, data, levels=[20], draws=1, preparation=preparation)
        assert not run.failures
