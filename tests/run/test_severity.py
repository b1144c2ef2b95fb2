"""`stress --severity` and `--quality`: image quality in the place of levels, and beside them."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import robustq
from networks import small
from robustq.dataset import Case, Entry
from robustq.draws.quality import quality
from robustq.errors import RequestError
from robustq.report.stress_table import curve_grid
from robustq.request.severity import Severity, parse_severity
from robustq.results.results_shown import shown

SIZE = 32
NEEDS = "scikit-image is not installed: pip install 'robustq[quality]'"
metrics = pytest.importorskip("skimage.metrics", reason=NEEDS)
restoration = pytest.importorskip("skimage.restoration", reason=NEEDS)
pytest.importorskip("pywt", reason=NEEDS)


def pairs(number: int = 3) -> list[tuple[Tensor, Tensor]]:
    """Smooth images (C, *S) that differ, each with a square to find."""
    made = []
    for place in range(number):
        generator = torch.Generator().manual_seed(place)
        rough = torch.rand(1, 1, 8, 8, generator=generator)
        image = torch.nn.functional.interpolate(rough, size=SIZE, mode="bicubic")[0]
        mask = torch.zeros(SIZE, SIZE, dtype=torch.long)
        mask[8:20, 9:21] = 1
        made.append((image + 0.5 * mask, mask))
    return made


def model() -> robustq.Segmenter:
    return small("none", dims=2, preparation=robustq.Preparation(dims=2, normalise="none"))


def stressed(**asked: Any) -> robustq.Run:
    defaults = {"noise": ["gaussian"], "draws": 4, "batch_size": 4}
    return robustq.stress({"m": model()}, pairs(), **(defaults | asked))


def drawn(case: int, noise: str, level: float, draw: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The clean image, the draw and the span of the intensity range, made from what the rows say."""
    image = pairs()[case][0]
    changed = robustq.perturb(image[None], noise, level=level, draw=draw, keys=[f"{case:04d}"])[0]
    return image[0].double().numpy(), changed[0].double().numpy(), float(image.max() - image.min())


def ssim(clean: np.ndarray, changed: np.ndarray, span: float) -> float:
    kind = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(metrics.structural_similarity(clean, changed, data_range=span, **kind))


def test_each_case_has_the_level_at_which_scikit_image_measures_the_target_on_its_draws() -> None:
    run = stressed(noise=["gaussian", "speckle"], severity="ssim:0.9,0.7")
    rows = run.to_frame().query("metric == 'dice' and level > 0")
    levels = rows.groupby(["perturbation", "severity", "case"])["level"].unique()
    assert len(levels) == 2 * 2 * 3
    for (noise, severity, case), found in levels.items():
        (level,) = found
        reached = np.mean([ssim(*drawn(int(case), noise, level, draw)) for draw in range(4)])
        assert reached == pytest.approx(float(severity.partition(":")[2]), abs=2e-4)
    assert rows.groupby(["perturbation", "severity", "case"])["draw"].nunique().eq(4).all()


def test_the_level_of_a_psnr_of_gaussian_noise_is_that_of_its_closed_form() -> None:
    run = stressed(severity="psnr:30,20")
    for target in (30, 20):
        levels = run.to_frame().query("severity == @name", local_dict={"name": f"psnr:{target}"})["level"].unique()
        # PSNR = -20 log10(level / 100); 4 draws of 1024 values vary by about 1 %.
        assert levels == pytest.approx(100 * 10 ** (-target / 20), rel=0.05)


def test_the_level_of_an_snr_of_gaussian_noise_is_that_of_its_closed_form() -> None:
    run = stressed(severity="snr:10")
    for case, rows in run.to_frame().query("severity == 'snr:10'").groupby("case"):
        clean, _, span = drawn(int(case), "gaussian", 1, 0)
        expected = 100 * math.sqrt(clean.var() / 10) / span
        assert rows["level"].unique() == pytest.approx(expected, rel=0.05)


def test_a_dose_adds_the_variance_of_the_lower_dose() -> None:
    given = stressed(severity="dose@2:0.5,0.2").to_frame().query("level > 0")
    # At a fifth of the dose the variance is 5 times that of the full dose, so 4 times are added.
    assert given.groupby("severity")["level"].first().to_dict() == pytest.approx({"dose:0.5": 2.0, "dose:0.2": 4.0})
    estimated = stressed(severity="dose:0.5").to_frame().query("level > 0")
    for case, rows in estimated.groupby("case"):
        clean, _, span = drawn(int(case), "gaussian", 1, 0)
        assert rows["level"].unique() == pytest.approx(100 * restoration.estimate_sigma(clean) / span)


def test_an_image_without_noise_has_no_dose() -> None:
    flat = [(torch.zeros(1, SIZE, SIZE), torch.ones(SIZE, SIZE, dtype=torch.long))]
    with pytest.raises(RequestError, match=r"estimated as 0.*dose@2:0.5"):
        robustq.stress({"m": model()}, flat, severity="dose:0.5")


def test_a_target_out_of_reach_has_no_rows_and_is_counted() -> None:
    run = stressed(noise=["blur", "gaussian"], severity="psnr:30,1", draws=1)
    rows = run.to_frame().query("metric == 'dice' and level > 0")
    assert set(rows[rows["perturbation"] == "blur"]["severity"]) == {"psnr:30"}
    assert set(rows[rows["perturbation"] == "gaussian"]["severity"]) == {"psnr:30", "psnr:1"}
    told = [note for note in run.severity_notes() if note.startswith("blur, psnr 1 dB")]
    assert "no level; out of reach for 3 cases of 3, which have no rows there" in told[0]


def test_a_perturbation_in_steps_gets_the_nearest_quality_and_the_difference_is_stored() -> None:
    run = stressed(noise=["pixelate"], severity="ssim:0.6", draws=1)
    told = run.severity_notes()[1]
    differences = []
    for case, found in run.document["severity_levels"]["pixelate"].items():
        level, reached = found["ssim:0.6"]
        draws = [ssim(*drawn(int(case), "pixelate", level, draw)) for draw in range(4)]
        assert reached == pytest.approx(np.mean(draws))
        differences.append(abs(reached - 0.6))
        # No further than the steps on both sides: 1 % more or less changes the blocks of at most a few pixels.
        assert differences[-1] < 0.02
    assert ("it changes in steps" in told) == (max(differences) > 0.006)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"noise": ["affine"], "severity": "ssim:0.9"}, "affine moves the image"),
        ({"noise": ["gaussian+elastic"], "severity": "ssim:0.9"}, "moves the image"),
        ({"noise": ["blur"], "severity": "dose:0.5"}, "gaussian noise alone"),
        ({"severity": "ssim:0.9", "levels": [10]}, "both given"),
        ({"severity": "ssim:0.9", "draws": "auto"}, "give a number"),
        ({"severity": "ssim:0.9", "noise": None, "attack": ["pgd"]}, "pgd has no severity"),
        ({"severity": "ssim:1.5"}, "no changed image has"),
        ({"severity": "sharpness:1"}, "sharpness"),
        ({"severity": "ssim@2:0.9"}, "only dose takes one"),
        ({"severity": "ssim:high"}, "not a number"),
    ],
)
def test_what_has_no_severity_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        stressed(**asked)


def test_a_text_is_read_and_written_alike() -> None:
    assert parse_severity("ssim:0.8,0.95") == Severity("ssim", (0.95, 0.8))
    for text in ("ssim:0.95,0.8", "psnr:30", "snr:20,-5", "dose:0.5,0.25", "dose@1.5:0.5"):
        assert str(parse_severity(text)) == text


def test_the_table_has_a_column_for_each_target_and_no_area(tmp_path: Path) -> None:
    run = stressed(severity="ssim:0.9,0.7", out=tmp_path)
    grid = curve_grid(run.curves())
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in grid.header] == [
        "model", "0 %", "ssim 0.9", "ssim 0.7", "codes in use",
    ]  # fmt: skip
    means = run.to_frame().query("metric == 'dice' and severity == 'ssim:0.7'")["value"].mean()
    assert grid.sections[0][1][0][3].startswith(f"{means:.3f}")
    assert all(curve["audc"] is None for curve in run.summary()["curves"])
    assert set(shown(tmp_path).frame()["severity"]) == {"0\N{NO-BREAK SPACE}%", "ssim 0.9", "ssim 0.7"}
    assert robustq.Run(tmp_path).grids()
    assert "ssim 0.9" in run.plots()["dice"].axes[0].get_xticklabels()[1].get_text()
    for use in (robustq.ranking, robustq.card):
        with pytest.raises(RequestError, match=r"severity ssim:0.9,0.7 in the place of levels"):
            use(run)


def test_models_are_compared_at_equal_severity() -> None:
    first, second = (
        robustq.stress({name: model()}, pairs(), severity="ssim:0.9", draws=2, batch_size=4) for name in ("a", "b")
    )
    grids = robustq.compare([first, second], "a").grids()
    assert [row[0] for row in grids[0].sections[0][1]] == ["0\N{NO-BREAK SPACE}%", "ssim 0.9"]
    other = robustq.stress({"c": model()}, pairs(), severity="ssim:0.8", draws=2, batch_size=4)
    with pytest.raises(RequestError, match="differ in severity"):
        robustq.compare([first, other], "a")


def test_a_killed_run_goes_on_and_ends_with_the_same_rows(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"severity": "ssim:0.9,0.8", "draws": 2, "batch_size": 1, "quality": True}
    whole = stressed(out=tmp_path / "whole", **asked)

    def die(progress: Any) -> None:
        if progress.done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stressed(out=tmp_path / "killed", on_progress=die, **asked)
    pd.testing.assert_frame_equal(stressed(out=tmp_path / "killed", **asked).to_frame(), whole.to_frame())


def test_quality_rows_say_what_scikit_image_measures_on_each_draw() -> None:
    run = stressed(levels=[10], quality=True, draws=2)
    plain = stressed(levels=[10], draws=2)
    frame = run.to_frame()
    rows = frame[frame["metric"].isin(["ssim", "psnr", "snr"])]
    assert set(rows["model"]) == {""}
    assert len(rows) == 3 * 3 * 2
    for row in rows.to_dict("records"):
        clean, changed, span = drawn(int(row["case"]), "gaussian", 10, row["draw"])
        expected = {
            "ssim": ssim(clean, changed, span),
            "psnr": metrics.peak_signal_noise_ratio(clean, changed, data_range=span),
            "snr": 10 * math.log10(clean.var() / ((changed - clean) ** 2).mean()),
        }
        assert row["value"] == pytest.approx(expected[row["metric"]])
    others = frame[~frame["metric"].isin(["ssim", "psnr", "snr"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, plain.to_frame())
    assert [section for section, _ in run.grids()[-1].sections] == ["ssim", "psnr [dB]", "snr [dB]"]


def test_ssim_is_that_of_torchmetrics_slice_by_slice() -> None:
    reference = pytest.importorskip("torchmetrics.functional.image").structural_similarity_index_measure
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 20, 24, 5, generator=generator)
    noisy = image + 0.1 * torch.randn(image.shape, generator=generator)
    case, changed = (
        Case(
            image=values,
            mask=None,
            intensity_range=torch.tensor([[0.0, 1.0], [0.0, 2.0]]),
            spacing=(1.0, 1.0, 3.0),
            unit="mm",
            entry=Entry("a", "a"),
        )
        for values in (image, noisy)
    )
    expected = []
    for channel, span in ((0, 1.0), (1, 2.0)):
        for place in range(5):
            before, after = (values[channel, ..., place][None, None].double() for values in (image, noisy))
            _, full = reference(after, before, data_range=span, return_full_image=True)
            expected.append(float(full[..., 5:-5, 5:-5].mean()))  # the windows that lie inside the slice
    assert quality("ssim", case, changed) == pytest.approx(np.mean(expected), abs=1e-5)


def test_without_scikit_image_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    for asked in ({"severity": "ssim:0.9"}, {"levels": [10], "quality": True}):
        with pytest.raises(RequestError, match=r"pip install 'robustq\[quality\]'"):
            stressed(**asked)
