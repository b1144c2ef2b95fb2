import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from commands import robustq

SMALL = ("--set", "width=4", "--set", "scales=2", "--set", "groups=2", "--classes", "4", "--size", "24x24")


def test_an_installed_command_does_the_same_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from robustq_cli.main import main; main()", "list", "metrics", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == robustq("list", "metrics", "--json", cwd=tmp_path).stdout


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """One sentence on stderr, exit status 2, nothing on stdout."""
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("robustq: ")
    for word in words:
        assert word in lines[0]


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrapped")
    result = robustq("wrap", "--arch", "unet", "--quantise", "16x4", *SMALL, "--out", "vq.safetensors", cwd=folder)
    assert result.returncode == 0, result.stderr
    for word in (
        "encoder",
        "skips 1 (keep)",
        "1 × 24 × 24",
        "144 per case",
        "untrained",
        "robustq train",
        "robustq stress",
    ):
        assert word in result.stdout
    return folder / "vq.safetensors"


def pictures(root: Path, count: int = 3, *, mask: int = 1) -> Path:
    """A folder of small random images, each with a square to find."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(count):
        generator = np.random.default_rng(number)
        truth = np.zeros((24, 24), np.uint8)
        truth[4:12, 5:15] = mask
        image = generator.integers(0, 200, (24, 24), dtype=np.uint8) + np.where(truth > 0, 50, 0).astype(np.uint8)
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(truth).save(root / "masks" / f"{number}.png")
    return root


def test_from_wrap_to_compare(wrapped: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", 5)
    for name, quantise in (("vq", "16x4"), ("base", "identity:4")):
        result = robustq(
            "wrap",
            "--arch",
            "unet",
            "--quantise",
            quantise,
            *SMALL,
            "--classes",
            2,
            "--out",
            f"{name}.safetensors",
            cwd=tmp_path,
        )
        assert result.returncode == 0, result.stderr
        result = robustq("train", f"{name}.safetensors", "--data", data, "--epochs", 1, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert f"{name}-trained.safetensors" in result.stdout
        assert "epoch 1: loss" in result.stderr
        assert result.stderr.count("The training computes in ") == 1
    models = ("--model", "vq-trained.safetensors", "--model", "base-trained.safetensors")
    asked = (
        "--data",
        data,
        "--noise",
        "gaussian,s&p",
        "--levels",
        "0,20",
        "--draws",
        2,
        "--split",
        "all",
        "--out",
        "run",
    )
    result = robustq("stress", *models, *asked, "--details", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for word in ("vq-trained", "base-trained", "salt-and-pepper", "of 16", "figures on these cases are better than"):
        assert word in result.stdout
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "commands.json",
        "curves",
        "gallery",
        "report.html",
        "results.parquet",
        "run.json",
        "summary.json",
        "tables",
    ]
    result = robustq("stress", *models, *asked, "--json", cwd=tmp_path)
    assert len(json.loads(result.stdout)["curves"]) == 4
    result = robustq("compare", "run", "--baseline", "base-trained", "--format", "markdown", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "5 groups are too few for a test" in result.stdout
    assert "needs at least 3 training seeds" in result.stdout
    result = robustq("compare", "run", "--by", "architecture", "--json", cwd=tmp_path)
    document = json.loads(result.stdout)
    assert document["rows"]
    assert "1 training seed, too few for a claim" in document["rows"][0]["note"]
    assert not any("each model is one" in note for note in document["notes"])  # a line is an architecture here
    baseline = next(row["architecture"] for row in document["rows"] if "identity" in row["architecture"])
    asked_for_claims = ("--by", "architecture", "--baseline", baseline)
    result = robustq("compare", "run", *asked_for_claims, "--json", cwd=tmp_path)
    claims = json.loads(result.stdout)["claims"]["dice"]
    assert {(claim["seeds"], claim["verdict"]) for claim in claims} == {(1, "depends")}
    result = robustq("compare", "run", *asked_for_claims, cwd=tmp_path)
    assert f"compared with {baseline}" in result.stdout


def test_wrap_as_json_is_one_document(tmp_path: Path) -> None:
    result = robustq(
        "wrap", "--arch", "unet", "--quantise", "8x4", *SMALL, "--json", "--out", "m.safetensors", cwd=tmp_path
    )
    document = json.loads(result.stdout)
    assert document["embedding"] == [4, 12, 12]
    assert document["tokens"] == 144
    assert document["spec"]["quantise"] == "vq:8x4"


@pytest.mark.parametrize("command", ["list", "doctor"])
def test_listings_as_json(command: str, tmp_path: Path) -> None:
    result = robustq(command, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "unet" in json.dumps(json.loads(result.stdout))


def test_a_bad_case_among_good_ones_ends_with_status_3(wrapped: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", mask=2)
    (data / "images" / "1.png").write_text("not a picture")
    np.savez(data / "images" / "2.npz", image=np.full((24, 24), np.nan, np.float32))
    (data / "images" / "2.png").unlink()
    result = robustq(
        "stress", "--model", wrapped, "--data", data, "--levels", "0,10", "--draws", 1, "--out", "run", cwd=tmp_path
    )
    assert result.returncode == 3, result.stderr
    assert "left out 1: 1.png cannot be read as an image" in result.stderr
    assert "left out 2: the image holds NaN" in result.stderr
    assert "2 of 3 cases could not be used" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("wrap", "--arch", "unett"), "did you mean unet"),
        (("wrap", "--arch", "unet", "--quantise", "vqq:8x4"), "did you mean vq"),
        (("wrap", "--arch", "unet", "--quantise", "1024"), "write KxD such as 1024x256"),
        (("wrap", "--arch", "unet", "--quantise", "0x256"), "a size of 0"),
        (("wrap", "--arch", "unet", "--quantise", "ax b"), "'ax b' is not a quantiser"),
        (("wrap", "--arch", "unet", "--size", "128"), "does not fit a 2D model"),
        (("wrap", "--arch", "unet", "--size", "axb"), "write them as in 128x128"),
        (("wrap", "--arch", "unet", "--labels", "lung"), "VALUE=NAME"),
        (("wrap", "--arch", "unet", "--set", "width"), "KEY=VALUE"),
        (("wrap", "--arch", "unet", "--set", "width=12"), "groups=8 do not divide"),
        (("wrap", "--arch", "unet", "--out", "m.pt"), "named *.safetensors"),
        (("wrap", "--dims", "2"), "--arch"),
        (("stress", "--noise", "gausian"), "did you mean gaussian"),
        (("stress", "--levels", "0,a"), "not a number"),
        (("stress", "--levels", "-1"), "not a percentage"),
        (("stress", "--levels", "0,101"), "not a percentage"),
        (("stress", "--model", "nowhere.safetensors"), "no model file"),
        (("stress", "--data", "fantom"), "did you mean phantom"),
        (("stress", "--data", "/nowhere"), "/nowhere is not a file or folder"),
        (("stress", "--levls", "0"), "--levels"),
        (("stress", "--trained-on", "phantom"), "It is an option of robustq wrap"),
        (("compare", "/nowhere", "--baseline", "a"), "no run in /nowhere"),
        (("list", "perturbation"), "did you mean perturbations"),
        (("strss",), "stress"),
    ],
)
def test_a_wrong_request_gets_one_sentence_and_status_2(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    refused(robustq(*words, cwd=tmp_path), said)


def test_bad_bundles_and_bad_folders_get_one_sentence_and_status_2(wrapped: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", 1, mask=2)

    def stressed(model: Path, folder: Path = data) -> subprocess.CompletedProcess[str]:
        return robustq("stress", "--model", model, "--data", folder, "--levels", "0", cwd=tmp_path)

    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(wrapped.read_bytes()[:-100])
    refused(stressed(truncated), "truncated")
    (tmp_path / "text.safetensors").write_text("weights")
    refused(stressed(tmp_path / "text.safetensors"), "not a safetensors file")
    with safe_open(wrapped, framework="pt") as file:
        spec, tensors = json.loads(file.metadata()["robustq"]), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(
        tensors, tmp_path / "other.safetensors", metadata={"robustq": json.dumps(spec | {"architecture": "unit"})}
    )
    refused(stressed(tmp_path / "other.safetensors"), "unknown architecture 'unit'", "did you mean unet")
    (tmp_path / "empty").mkdir()
    refused(stressed(wrapped, tmp_path / "empty"), "has no folder images/")
    refused(
        stressed(wrapped, pictures(tmp_path / "strange", 1, mask=7)), "has the values 7, which are none of the labels"
    )
    (data / "masks" / "0.png").unlink()
    refused(stressed(wrapped), "1 of 1 images", "have no mask of the same name", "0")


def test_help_and_listing_import_no_torch(tmp_path: Path) -> None:
    code = "import sys; from robustq_cli.main import app; app([{word!r}], standalone_mode=False); "
    code += "assert 'torch' not in sys.modules"
    for word in ("--help", "list"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(word=word)], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_network_of_ones_own_is_trained_stressed_analysed_and_searched_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1))\n"
        "        self.up = nn.ConvTranspose2d(8, 2, 4, 4)\n"
        "    def forward(self, x):\n"
        "        return self.up(self.down(x))\n"
    )
    data, own = pictures(tmp_path / "data", 5), ("--model-file", "mine.py:Net")
    for quantise in ("8x4", "none"):
        words = ("--quantise", quantise, "--size", "24x24", "--out", f"{quantise}.safetensors")
        made = robustq("wrap", *own, *words, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        assert "executing mine.py:Net" in made.stderr
        assert f"robustq train {quantise}.safetensors --model-file mine.py:Net" in made.stdout
    trained = robustq("train", "8x4.safetensors", *own, "--data", data, "--epochs", 1, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    pair = ("8x4-trained.safetensors", "none.safetensors")
    shown = ("--data", data, *own, "--draws", 2, "--out", "run", "--split", "all")
    models = [word for name in pair for word in ("--model", name)]
    for command in (
        ("stress", *models, *shown, "--levels", "0,10"),
        ("analyse", *pair, *shown, "--levels", "10", "--check", "latent-variance"),
        ("minimal", *pair, *shown, "--noise", "gaussian", "--resolution", 50),
    ):
        result = robustq(*command, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "8x4-trained" in result.stdout

    refused(robustq("stress", *models, "--data", data, cwd=tmp_path), "given by hand", "--model-file FILE.py:FUNCTION")
    refused(robustq("train", "none.safetensors", "--data", data, cwd=tmp_path), "--model-file FILE.py:FUNCTION")


def test_a_file_that_no_bundle_needs_is_not_executed(wrapped: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("open('ran', 'w')\n")
    words = ("stress", "--model", wrapped, "--model-file", "mine.py:Net")
    refused(robustq(*words, cwd=tmp_path), "no bundle here needs --model-file")
    assert not (tmp_path / "ran").exists()


def test_a_network_file_that_is_not_there_is_refused_before_it_is_said_to_be_executed(tmp_path: Path) -> None:
    refusal = robustq("wrap", "--model-file", "nope.py:Net", "--quantise", "8x4", "--size", "24x24", cwd=tmp_path)
    refused(refusal, "there is no file nope.py")
    assert "executing" not in refusal.stderr
