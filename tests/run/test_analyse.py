"""The analysis as a whole: rows, resuming, sharing a directory with a stress run, tables, command line."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console

import robustq
from analyses import analyse, model
from earlier_version import with_rows_folder
from networks import noise
from robustq.data.open_dataset import open_dataset
from robustq.draws.seeds import draw_generator
from robustq.errors import RequestError
from robustq.results.analysis import Analysis
from robustq_latent.code_maps import shown_cases
from robustq_latent.occupancy import Occupancy

FIRST_WORDS = {
    "liveness": "Liveness",
    "certified": "Certified Dice",
    "codebook": "Codebook",
    "conformal": "Conformal threshold",
    "failure": "Signals of failure",
    "latent-variance": "Latent variance",
    "likelihood": "Likelihood of codes",
    "occupancy": "Tokens beyond the radius",
    "pathways": "Pathways of noise",
    "taylor": "Largest safe level",
}
"""For each check, the first words of the title of its first table."""


def rows(analysis: Analysis) -> pd.DataFrame:
    frame = analysis.to_frame()
    return frame.sort_values([name for name in frame if name not in ("value", "reason")]).reset_index(drop=True)


@pytest.fixture(scope="module")
def whole() -> Analysis:
    return analyse(noise=["gaussian", "s&p"])


def test_every_model_case_perturbation_and_level_has_its_readings(whole: Analysis) -> None:
    frame = whole.to_frame()
    for metric, models in (("raw", 2), ("relative", 2), ("flip_rate", 1), ("safe_by_margin", 1), ("true_shift", 2)):
        assert len(frame[frame["metric"] == metric]) == models * 4 * 2 * 2, metric
    assert len(frame[frame["metric"] == "linearisation_error"]) == 2 * 4 * 2 * 2 * 5
    assert set(frame["draw"].dropna()) == set(range(5))


def test_the_draws_are_those_of_a_stress_run(whole: Analysis) -> None:
    segmenter = model("none")
    data = open_dataset("phantom:cases=2")
    case = segmenter.spec.preparation(data.read(data.entries[0]))
    low, high = case.intensity_range[0].tolist()
    stored = []
    for draw in range(5):
        generator = draw_generator(0, case.entry.id, "gaussian", draw)
        stored.append(case.image + 0.3 * (high - low) * torch.randn(case.image.shape, generator=generator))
    with torch.no_grad():
        latents = segmenter.encode(torch.stack(stored)).double()
    told = whole.to_frame().query("metric == 'raw' and model == 'plain' and perturbation == 'gaussian' and level == 30")
    value = told[told["case"] == case.entry.id]["value"].item()
    assert value == pytest.approx(latents.var(0, correction=0).mean().item(), rel=1e-5)


def test_a_killed_analysis_goes_on_and_ends_with_the_same_rows(tmp_path: Path) -> None:
    expected = rows(analyse(out=tmp_path / "whole"))
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    parts = sorted(with_rows_folder(tmp_path / "killed").iterdir())
    (tmp_path / "killed" / "results.parquet").unlink()
    for part in parts[2:]:
        part.unlink()
    seen = []
    resumed = analyse(out=tmp_path / "killed", on_progress=seen.append)
    assert 0 < seen[-1].resumed < seen[-1].total
    pd.testing.assert_frame_equal(rows(resumed), expected)
    assert (tmp_path / "killed" / "results.parquet").exists()


def test_another_analysis_is_not_mixed_in(tmp_path: Path) -> None:
    analyse(out=tmp_path / "run", check="liveness")
    with pytest.raises(RequestError, match="differs in draws"):
        analyse(out=tmp_path / "run", check="liveness", draws=6)


def test_a_stress_run_and_an_analysis_share_a_directory(tmp_path: Path) -> None:
    models = {"vq": model(), "plain": model("none")}
    stressed = robustq.stress(models, "phantom:cases=2", levels=[30], draws=2, out=tmp_path / "run")
    before = stressed.to_frame()
    analysed = analyse(models, out=tmp_path / "run", check="latent-variance")
    pd.testing.assert_frame_equal(robustq.Run(tmp_path / "run").to_frame(), before)
    together = pd.read_parquet(tmp_path / "run" / "results.parquet")
    assert len(together) == len(before) + len(analysed.to_frame())
    assert {"dice", "relative"} <= set(together["metric"])


def test_batch_size_changes_no_figure() -> None:
    one, other = (rows(analyse(batch_size=size, noise=["gaussian"])) for size in (1, 16))
    pd.testing.assert_frame_equal(one, other, rtol=1e-3, atol=1e-5)


def test_a_2d_model_reads_a_volume_slice_by_slice() -> None:
    frame = analyse({"vq": model()}, data="phantom:dims=3,cases=1,domain=A", draws=2, levels=[30]).to_frame()
    assert set(frame[frame["status"] != "failed"]["case"]) >= {"A/0000"}
    assert 0 <= frame.query("metric == 'flip_rate'")["value"].item() <= 1


def test_a_3d_model_is_analysed() -> None:
    found = analyse({"vq": model(size=(16, 12, 8))}, data="phantom:dims=3,cases=1", draws=2, levels=[30])
    assert not found.failures
    assert len(found.tables()) >= 5


def test_every_table_is_headed_by_the_verdict_on_a_dead_bottleneck_in_every_format() -> None:
    dead = model()
    with torch.no_grad():
        for bottleneck in dead.bottlenecks:
            bottleneck.project_in.weight.zero_()
    grids = analyse({"vq": dead, "plain": model("none")}, draws=2, levels=[30]).grids()
    assert len(grids) >= 7
    for grid in grids:
        assert len(grid.heads) == 1, "an alive bottleneck needs no warning"
        for text in (grid.to_markdown(), grid.to_latex(), grid.to_csv()):
            assert "DEAD" in text
        shown = io.StringIO()
        Console(file=shown, width=250).print(grid.to_rich())
        assert shown.getvalue().index("vq: DEAD") < shown.getvalue().index("──"), "above the header's rule"


def test_conclusions_begin_with_the_verdicts_and_name_each_model(whole: Analysis) -> None:
    verdicts, conclusions = whole.verdicts(), whole.conclusions()
    assert conclusions[: len(verdicts)] == verdicts
    told = " ".join(conclusions[len(verdicts) :])
    for words in ("codes in use, mean radius r", "times their own variance", "the Taylor bound predicts"):
        assert words in told
    assert [grid.title for grid in whole.grids(details=False)] == [
        grids[0].title
        for check in whole.asked["checks"]
        if (grids := [grid for grid in whole.grids() if grid.title.startswith(FIRST_WORDS[check])])
    ]


def test_a_note_is_printed_once_and_those_on_the_run_under_the_last_table(whole: Analysis) -> None:
    notes = [note for grid in whole.grids() for note in grid.notes]
    assert len(notes) == len(set(notes))
    for note in whole.sample_notes():
        assert note in whole.grids()[-1].notes


@pytest.mark.parametrize(("check", "share"), [("taylor@90", "90"), ("taylor", "95")])
def test_the_table_of_largest_safe_levels_says_the_share_that_was_asked_for(check: str, share: str) -> None:
    found = analyse(check=check, draws=2, levels=[5], data="phantom:cases=1,domain=A")
    (grid,) = [grid for grid in found.grids() if grid.title.startswith("Largest safe level")]
    said = f"Enough tokens for the largest safe level: at least {share}\N{NO-BREAK SPACE}% of them."
    assert said in grid.notes


def test_code_maps_say_which_cases_they_show() -> None:
    found = analyse({"vq": model()}, check="occupancy", data="phantom:cases=4")
    rows = found.to_frame()
    assert shown_cases(rows) == "the first 3 of 8 cases, all of domain A"
    (figure,) = Occupancy.figures(rows, ["vq"]).values()
    assert figure.get_suptitle() == shown_cases(rows)
    assert shown_cases(rows[rows["domain"] != "B"]) == "the first 3 of 4 cases"


def test_a_table_says_what_the_rows_say(whole: Analysis) -> None:
    table = next(grid for grid in whole.grids() if grid.title.startswith("Latent variance"))
    lines = dict(table.sections)["gaussian"]
    cell = next(line for line in lines if line[:2] == ["plain", "mean"])[4]
    frame = whole.to_frame().query("metric == 'relative' and model == 'plain' and perturbation == 'gaussian'")
    means = frame.groupby(["domain", "group"])["value"].mean()
    assert cell == f"{means.mean():.3g} ±\N{NO-BREAK SPACE}{means.std():.2g}"


def test_figures_are_drawn_as_png_and_pdf(whole: Analysis) -> None:
    assert {"latent-variance-gaussian", "flip-rate", "radii-vq", "codebook-vq", "taylor-vq", "taylor-plain"} <= set(
        whole.figures
    )
    assert "code-maps-vq" in whole.figures
    for path in whole.figures.values():
        assert path.stat().st_size > 5000
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_the_summary_is_json(whole: Analysis) -> None:
    document = json.loads(json.dumps(whole.summary(), allow_nan=False))
    assert len(document["verdicts"]) == 2
    assert {row["metric"] for row in document["per_case"]} >= {"raw", "relative", "largest_safe_level"}
    assert {row["metric"] for row in document["overall"]} >= {"r", "codes_in_use", "perplexity"}


def test_checks_that_need_no_draws_make_none() -> None:
    found = analyse(check="codebook,occupancy", noise=[], levels=[0], draws=1)
    assert found.document["plan"] == []
    assert found.grids()
    assert set(found.to_frame()["perturbation"]) == {"clean"}


def test_a_bad_case_among_good_ones_is_recorded(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    (data / "masks").mkdir()
    from PIL import Image

    for number in range(2):
        image = Image.fromarray((noise(24, 20, seed=number).abs() * 60).clamp(0, 255).byte().numpy())
        image.save(data / "images" / f"{number}.png")
        Image.new("L", (20, 24), number).save(data / "masks" / f"{number}.png")
    (data / "images" / "2.png").write_text("no image")
    Image.new("L", (20, 24), 1).save(data / "masks" / "2.png")
    found = analyse({"vq": model()}, data=str(data), check="codebook")
    assert list(found.failures) == ["2"]
    assert len(found.to_frame().query("status == 'failed'")) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"check": "codebok"}, "did you mean codebook"),
        ({"check": "taylor@lots"}, "percentage"),
        ({"check": "codebook@3"}, "codebook takes no setting, and @3 was given: leave out the @ and what follows"),
        ({"check": ""}, "--check '' names no check: give certified, codebook, .* or all"),
        ({"draws": 1, "check": "codebook,taylor"}, "draws=1 was asked, but the check taylor needs 2 draws or more"),
        ({"draws": 1, "check": "taylor,failure"}, "the checks taylor, failure need 2 draws or more"),
        ({"draws": 0, "check": "codebook"}, "1 or more"),
        ({"levels": [0]}, "above 0"),
        ({"noise": []}, "one perturbation"),
        ({"batch_size": 0}, "1 or more"),
        ({"split": "held"}, "did you mean held-out"),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(settings: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        analyse(**settings)


def test_the_command_line_prints_verdicts_tables_and_json(tmp_path: Path) -> None:
    bundle = tmp_path / "vq.safetensors"
    model().save(bundle)
    command = [sys.executable, "-c", "from robustq_cli.main import main; main()", "analyse", str(bundle), "--json"]
    command += ["--data", "phantom:cases=1", "--draws", "3", "--levels", "30", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdicts"][0].startswith("vq: alive")
    assert "changed after wrapping" in done.stderr  # its codebook was put among its embeddings
    wrong = subprocess.run([*command, "--check", "codebok"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("robustq: ")
    assert "codebook" in wrong.stderr


@pytest.mark.long
def test_peak_memory_does_not_depend_on_the_number_of_draws() -> None:
    # At 128² a thousand draws of images and latents, if they were kept, would take 130 MB.
    code = """
import resource, sys, robustq
labels = tuple(sorted(robustq.open_dataset("phantom").labels.items()))
model = robustq.wrap("unet", classes=4, preparation=robustq.Preparation(dims=2, size=(128, 128), labels=labels))
robustq.analyse({"m": model}, "phantom:cases=1,domain=A", check="latent-variance,taylor", levels=[10],
                draws=int(sys.argv[1]), batch_size=4)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for draws in (10, 1000):
        done = subprocess.run([sys.executable, "-c", code, str(draws)], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] <= 1.05 * peaks[0], peaks
