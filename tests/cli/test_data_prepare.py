"""robustq data prepare makes an ordinary folder of a public download, and goes on where it stopped."""

import json
import shlex
from pathlib import Path
from typing import Any

import nibabel
import pytest
from typer.testing import CliRunner

from raw_downloads import DOWNLOADS
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.request.values import labels as parse_labels
from robustq_cli.main import app


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "200"}, standalone_mode=False)


def prepare(name: str, source: Path, target: Path) -> dict[str, Any]:
    result = run("data", "prepare", name, "--from", source, "--to", target, "--json")
    document: dict[str, Any] = json.loads(result.stdout)
    return document | {"status": result.return_value}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_the_table_reads_as_the_raw_download_does(tmp_path: Path, name: str) -> None:
    raw = open_dataset(f"{name}:{DOWNLOADS[name](tmp_path / 'raw')}")
    result = prepare(name, tmp_path / "raw", tmp_path / "out")
    assert (result["status"], len(result["written"])) == (0, len(raw.entries))
    table = open_dataset(str(tmp_path / "out" / "cases.csv"))
    patients = {entry.group: entry for entry in raw.entries}
    assert {(entry.group, entry.domain, entry.split) for entry in table.entries} == {
        (entry.group, entry.domain, entry.split) for entry in patients.values()
    }
    copies = {entry.id.rpartition("images/")[2]: table.read(entry) for entry in table.entries}
    for entry in raw.entries:
        case, copy = raw.read(entry), copies[entry.id]
        assert copy.image.equal(case.image)
        assert case.mask is not None
        assert copy.mask is not None
        assert copy.mask.equal(case.mask)
        assert copy.intensity_range.equal(case.intensity_range)
        assert copy.spacing == pytest.approx(case.spacing)
        assert (copy.unit, copy.orientation) == (case.unit, case.orientation)
    assert len(open_dataset(str(tmp_path / "out")).entries) == len(raw.entries)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("btcv", "--dims 3 --spacing 1.5x1.5x2 --normalise min-max --patch 96x96x96"),
        ("nci-isbi-2013", "--dims 3 --spacing 0.5x0.5x1.5 --normalise z-score --crop 192x192x64"),
        ("nih-xlsor", "--dims 2 --size 512x512 --normalise min-max"),
    ],
)
def test_the_printed_line_wraps_a_network_as_section_2_4_says(tmp_path: Path, name: str, options: str) -> None:
    DOWNLOADS[name](tmp_path / "raw")
    line = shlex.split(prepare(name, tmp_path / "raw", tmp_path / "out")["wrap"])
    labels = open_dataset(f"{name}:{tmp_path / 'raw'}").labels
    assert line[:4] == ["robustq", "wrap", "--arch", "unet"]
    assert line[4:-2] == options.split()
    assert dict(parse_labels(line[-1]) or ()) == labels


def test_a_second_call_writes_only_what_is_missing_or_changed(tmp_path: Path) -> None:
    DOWNLOADS["btcv"](tmp_path / "raw")
    prepare("btcv", tmp_path / "raw", tmp_path / "out")
    first, second = sorted((tmp_path / "out" / "images").iterdir())
    untouched = first.stat().st_mtime_ns
    second.write_bytes(second.read_bytes()[:-9])
    result = prepare("btcv", tmp_path / "raw", tmp_path / "out")
    assert (result["kept"], result["written"]) == (["img0001"], ["img0002"])
    assert first.stat().st_mtime_ns == untouched
    assert nibabel.load(second).get_fdata().shape == (16, 15, 14)
    mask = tmp_path / "raw" / "Training" / "label" / "label0001.nii.gz"
    nibabel.save(nibabel.Nifti1Image(nibabel.load(mask).get_fdata().astype("uint8")[...] * 0, None), mask)
    assert prepare("btcv", tmp_path / "raw", tmp_path / "out")["written"] == ["img0001"]


def test_a_case_that_cannot_be_used_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    DOWNLOADS["nci-isbi-2013"](tmp_path / "raw")
    (tmp_path / "raw" / "images" / "1.7.8" / "002.dcm").unlink()
    result = prepare("nci-isbi-2013", tmp_path / "raw", tmp_path / "out")
    assert result["status"] == 3
    assert "6 mm apart" in result["failures"]["Prostate3T-03-0003"]
    assert len(result["written"]) == 2


def test_other_data_and_other_folders_are_refused(tmp_path: Path) -> None:
    DOWNLOADS["nih-xlsor"](tmp_path / "raw")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    result = run("data", "prepare", "nih-xlsor", "--from", tmp_path / "raw", "--to", tmp_path / "full")
    assert isinstance(result.exception, RequestError) or result.return_value == 2
    prepare("nih-xlsor", tmp_path / "raw", tmp_path / "out")
    DOWNLOADS["btcv"](tmp_path / "ct")
    result = run("data", "prepare", "btcv", "--from", tmp_path / "ct", "--to", tmp_path / "out")
    assert "holds the dataset nih-xlsor" in str(result.exception or result.output)
