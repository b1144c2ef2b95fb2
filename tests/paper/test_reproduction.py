"""The tables and figures of the paper beside a study of ours."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import reproduce
import robustq
from reproduction.line import our_value
from reproduction.published_figures import DATA, FOLDER, published
from reproduction.tables.organs import ORGANS
from robustq import registry
from robustq.report.figure_files import FigureFiles

STUDY: dict[str, Any] = {
    "name": "small",
    "baseline": "matched baseline",
    "seeds": [0, 1],
    "wrap": {"arch": "unet", "size": "16x16", "set": {"width": 2, "groups": 2, "scales": 2}},
    "models": [
        {"name": "unet", "quantise": "none"},
        {"name": "matched baseline", "quantise": "identity:4"},
        {"name": "vq", "quantise": "16x4"},
    ],
    "recipe": {"epochs": 1, "augmentation": False, "validation": 0.5},
    "stress": {"noise": "salt-and-pepper", "levels": [0, 30], "draws": 1, "metrics": "dice,hd95"},
    "analyse": {"noise": "gaussian", "levels": [30], "draws": 2, "check": "codebook,latent-variance"},
    "shift": {"metrics": "dice,hd95"},
}


def write_discs(folder: Path, *, grey: int) -> Path:
    """Six images with a disc each, and their masks."""
    rows, columns = np.mgrid[:16, :16]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(6):
        inside = (rows - 8) ** 2 + (columns - 6 - number % 4) ** 2 < 20
        noise = np.random.default_rng(number).integers(0, 20, inside.shape)
        Image.fromarray((inside * grey + noise).astype(np.uint8)).save(folder / "images" / f"{number}.png")
        Image.fromarray((inside * 255).astype(np.uint8)).save(folder / "masks" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study on two data sets that have names of the paper's."""
    root = tmp_path_factory.mktemp("data")
    train, test = (str(write_discs(root / name, grey=grey)) for name, grey in (("nih", 200), ("jsrt", 120)))
    request = {**STUDY, "data": {"train": train, "test": [train, test]}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureFiles, "write", lambda self, make: {})  # its own figures take most of the time
        made = robustq.study(request, out=root / "study", device="cpu")
    assert made.failures == {}
    return made.path


Cells = list[list[str]]


def shown(words: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, Cells]:
    """What a command printed, and the rows that it wrote as Markdown, each with its section before it."""
    what, *options = words.split()
    assert reproduce.main([what, "--out", str(folder), *options]) == 0
    lines = [line for line in (folder / f"{what}.md").read_text().splitlines() if line.startswith("| ")]
    rows, section = [], ""
    for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]):
        section = cells[0].strip("*") if cells[0].startswith("**") else section
        rows += [] if cells[0].startswith("**") else [[section, *cells]]
    return capsys.readouterr().out, rows


@pytest.mark.parametrize("what", [*reproduce.TABLES, *reproduce.FIGURES])
def test_without_a_study_the_paper_stands_alone_and_the_data_to_download_are_named(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, _ = shown(f"{what} --study {tmp_path}/none", tmp_path, capsys)
    assert "There is no study in" in printed
    assert "robustq data prepare" in printed
    assert (tmp_path / f"{what}.tex").read_text().startswith("\\begin{table}")
    assert (tmp_path / f"{what}.png").exists() == what.startswith("table")


def test_the_files_hold_every_figure_of_the_paper() -> None:
    files = sorted(path.stem for path in FOLDER.glob("*.csv"))
    assert [len(published(name)) for name in files] == [5, 16, 18, 90, 84]
    assert {line["label_as_printed"] for line in published("table7_btcv_labels")} == set(ORGANS)


def test_every_data_set_that_is_named_can_be_prepared() -> None:
    assert {data.registered for data in DATA.values()} <= set(registry.names("datasets"))


def test_a_noise_table_has_the_means_over_patients_and_seeds(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, rows = shown(f"table-5 --study {study}", tmp_path, capsys)
    nih = {(model, level): cells for section, model, level, *cells in rows if section == "NIH"}
    runs = [run.to_frame() for run in robustq.Study(study).runs if run.asked["data"]["name"] == "nih"]
    frame = pd.concat(runs)
    noisy = frame[(frame["metric"] == "dice") & (frame["perturbation"] == "salt-and-pepper") & (frame["level"] == 30)]
    for role, name in {"UNet": "unet", "matched baseline": "matched baseline", "VQ-UNet": "vq"}.items():
        _, ours, interval, seeds, patients, _ = nih[role, "30 %"]
        mean = noisy.loc[noisy["model"].str.startswith(f"{name} seed"), "value"].mean()
        assert ours.split("\N{NO-BREAK SPACE}")[0].split()[0] == f"{mean:.3f}"
        assert (seeds, patients) == ("2", "3")
        assert interval.startswith("[")
    assert nih["UNet", "30 %"][0] == "0.86 ±\N{NO-BREAK SPACE}0.08"
    assert nih["UNet", "20 %"][:2] == ["0.89 ±\N{NO-BREAK SPACE}0.08", "–"]
    assert nih["VQ-UNet minus UNet", "drop"][0] == "-0.08"
    assert nih["VQ-UNet minus UNet", "drop"][-1] in ("holds", "depends")
    assert "NIH (chest X-ray) is not" not in printed
    assert "Abdomen (CT) is not in this study" in printed
    assert (tmp_path / "table-5.png").stat().st_size > 10_000


def test_the_interval_of_ours_is_that_of_seeds_and_patients() -> None:
    means = pd.DataFrame(
        [(f"unet seed{seed}", "data", f"p{patient}", 0.8 + 0.1 * seed) for seed in (0, 1) for patient in range(3)],
        columns=["model", "dataset", "group", "value"],
    )
    value = our_value(means, ["unet seed0", "unet seed1"])
    # The seeds alone differ: the mean is that of two values, with one degree of freedom.
    reach = 12.706 * 0.1 / 2
    assert value.text == "0.850 ±\N{NO-BREAK SPACE}0.071"
    assert (value.low, value.high) == pytest.approx((0.85 - reach, 0.85 + reach), abs=1e-3)
    one_seed = our_value(means, ["unet seed0"])
    assert (one_seed.text, one_seed.interval, one_seed.sample) == ("0.800", "–", ("1", "3"))


def test_the_radius_is_that_of_the_analysis(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, rows = shown(f"table-1 --study {study}", tmp_path, capsys)
    frames = [analysis.to_frame() for analysis in robustq.Study(study).analyses]
    frame = pd.concat(frames)
    r = frame.loc[(frame["metric"] == "r") & frame["model"].str.startswith("vq"), "value"].unique()
    nih = next(cells for section, *cells in rows if section == "NIH")
    assert nih[2] == "0.001 ±\N{NO-BREAK SPACE}0.011"
    assert nih[4] == f"{r.min():.3g} to {r.max():.3g}"


def test_table_2_has_the_drop_of_the_paper_and_ours(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, rows = shown(f"table-2 --study {study}", tmp_path, capsys)
    cells = {(section, model, what): rest for section, model, what, *rest in rows}
    shift = robustq.Study(study).shift
    (line,) = (x for x in shift.lines("dice") if (x.architecture, x.tested) == ("vq", "jsrt"))
    paper, ours, interval, *_ = cells["Dice: NIH to JSRT", "VQ-UNet", "drop"]
    assert paper == "0.120"
    assert ours == f"{line.drop.estimate:.3f}"
    assert interval == f"[{line.drop.low:.3f}, {line.drop.high:.3f}]"
    assert cells["HD95: NIH to JSRT", "UNet", "drop"][0] == "1.47"
    assert cells["Dice: NIH alone", "VQ-UNet", "mean"][0] == "0.970"


def test_table_2_knows_a_set_that_stands_in_the_shift_alone_and_one_that_is_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Path(reproduce.__file__).parent / "results" / "montgomery-narrow"
    _, rows = shown(f"table-2 --study {kept}", tmp_path, capsys)
    lines = {(section, model, figure): cells for section, model, figure, *cells in rows}
    shift = robustq.Study(kept).shift
    assert shift is not None
    frame = shift.run.to_frame()
    frame = frame[(frame["metric"] == "dice") & frame["model"].str.startswith("vq seed")]
    means = frame.groupby(frame["domain"].str.rsplit("/").str[-1])["value"].mean()
    section = "Dice: NIH (ours: montgomery.csv) to JSRT (ours: shenzhen)"
    _, ours, _, seeds, patients = lines[section, "VQ-UNet", "mean"]
    assert (ours.split()[0], seeds, patients) == (f"{means['shenzhen']:.3f}", str(frame["model"].nunique()), "300")
    assert lines[section, "VQ-UNet", "drop"][1] == f"{means['montgomery'] - means['shenzhen']:.3f}"


def test_latent_variance_stands_beside_the_reading_of_the_papers_code(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for what in ("table-3", "figure-2"):
        _, rows = shown(f"{what} --study {study}", tmp_path, capsys)
        nih = {(model, name): cells for section, model, name, *cells in rows if section == "NIH"}
        gaussian = nih["UNet", "gaussian, min-max" if what == "table-3" else "30 %, min-max"]
        assert gaussian[0] == ("0.51" if what == "table-3" else "a picture")
        assert gaussian[1] != "–"
        assert gaussian[3:] == ["2", "3"]
        assert (tmp_path / f"{what}.pdf").exists()


def test_answers_are_drawn_for_the_median_case(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, across = shown(f"figure-1 --study {study}", tmp_path, capsys)
    assert [cells[:2] for cells in across] == [
        ["NIH to JSRT", role] for role in ("UNet", "matched baseline", "VQ-UNet")
    ]
    _, noisy = shown(f"figure-5 --study {study}", tmp_path, capsys)
    assert [cells[0] for cells in noisy] == ["NIH"] * 6
    assert {path.name for path in tmp_path.glob("*.png")} == {"figure-1-NIH-to-JSRT.png", "figure-5-NIH.png"}


def test_other_data_can_stand_in_for_the_papers(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, rows = shown(f"table-7 --study {study} --as Abdomen=nih", tmp_path, capsys)
    assert "nih stands in for Abdomen (CT). It is other data" in printed
    labels = {what: ours for section, model, what, _, ours, *_ in rows if (section, model) == ("Dice", "UNet")}
    assert labels["Spl"] == "–"
    assert labels["1"] != "–"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--as NIH", "write PAPER=OURS"),
        ("--as NHI=nih", "did you mean NIH"),
        ("--as NIH=nhi", "did you mean nih"),
        ("--vq vqq", "did you mean vq"),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(
    study: Path, options: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["table-4", "--study", str(study), "--out", str(tmp_path), *options.split()]
    assert reproduce.main(words) == 2
    assert sentence in capsys.readouterr().err
