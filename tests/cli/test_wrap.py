"""`robustq wrap` in the same process; tests/test_cli.py runs it as a user does."""

import re
from pathlib import Path

import pytest
from safetensors.torch import save_file

import robustq
from robustq.errors import RequestError
from robustq.model import pretrained as trained
from robustq.model.bundle_file import read_spec
from robustq.network.build import build_architecture
from robustq_cli.wrap import wrap

SETTINGS = {"width": 4, "scales": 2, "groups": 2}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What names a network that another framework has trained; two classes, cases of 24×20."""
    network = build_architecture("unet", dims=2, in_channels=1, classes=2, **SETTINGS)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    preparation = robustq.Preparation(dims=2, size=(24, 20), normalise="z-score", labels=((1, "liver"),))
    network_of = trained.Trained(
        "unet", SETTINGS, 2, 1, 2, "softmax", preparation, tmp_path / "weights.safetensors", ("seen by nobody",)
    )
    monkeypatch.setattr(trained, "open_trained", lambda text, trust: network_of)
    monkeypatch.chdir(tmp_path)
    return "framework:results/fold_0"


def test_a_trained_network_brings_weights_labels_and_preparation(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrap(arch=folder, quantise="8x4")
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert "from weights.safetensors" in lines["weights"]
    assert lines["preparation"].strip() == "normalise z-score, size (24, 20)"
    assert lines["written"].strip() == "framework-fold_0-vq-8x4.safetensors"
    spec = robustq.load("framework-fold_0-vq-8x4.safetensors").spec
    assert (spec.labels, spec.remarks) == (("liver",), ("seen by nobody",))


def test_what_the_folder_says_is_not_said_again(folder: str) -> None:
    with pytest.raises(RequestError, match="already says what --classes, --size, --labels would say"):
        wrap(arch=folder, quantise="8x4", classes=3, size="8x8", labels="1=lung")


def test_a_patch_is_kept_in_the_bundle_and_named_in_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = [f"{key}={value}" for key, value in SETTINGS.items()]
    wrap(arch="unet", dims=3, quantise="8x4", patch="16x12x8", spacing="1x1x2", setting=small)
    preparation = robustq.load("unet-vq-8x4.safetensors").spec.preparation
    assert (preparation.patch, preparation.spacing, preparation.size) == ((16, 12, 8), (1.0, 1.0, 2.0), None)
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["image"].strip() == "1 × 16 × 12 × 8"
    assert lines["tokens"].strip() == f"{8 * 6 * 4} per window"
    with pytest.raises(RequestError, match="patch 16x12 does not fit a 3D model"):
        wrap(arch="unet", dims=3, quantise="8x4", patch="16x12", setting=small)


def test_labels_say_how_many_classes_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = [f"{key}={value}" for key, value in SETTINGS.items()]
    wrap(arch="unet", quantise="8x4", labels="1=lung,5=heart", size="24x24", setting=small)
    spec = robustq.load("unet-vq-8x4.safetensors").spec
    assert (spec.classes, spec.labels, spec.preparation.size) == (3, ("lung", "heart"), (24, 24))
    wrap(
        arch="unet", quantise="8x4", labels="1=lung,5=heart", answer="sigmoid", setting=small, out=Path("s.safetensors")
    )
    assert robustq.load("s.safetensors").spec.classes == 2


def test_a_checkpoint_and_the_seed_decide_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = [f"{key}={value}" for key, value in SETTINGS.items()]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        wrap(arch="unet", quantise="identity:4", seed=seed, setting=small, out=Path(f"{name}.safetensors"))
    a, b, c = (robustq.load(f"{name}.safetensors").state_dict() for name in "abc")
    assert all(a[key].equal(b[key]) for key in a)
    assert not all(a[key].equal(c[key]) for key in a)
    wrap(arch="unet", quantise="none", weights=Path("c.safetensors"), setting=small, out=Path("d.safetensors"))
    d = robustq.load("d.safetensors").state_dict()
    assert all(d[key].equal(c[key]) for key in d)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("deep_supervision=false", False), ("deep_supervision=true", True)],
)
def test_a_switch_is_off_where_it_is_set_to_false(
    text: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["filters=[8,16,32,32,32]", text]
    wrap(arch="monai:dynunet", quantise="8x4", setting=small, out=Path("m.safetensors"))
    model = robustq.load("m.safetensors")
    assert model.network.deep_supervision is expected
    assert dict(model.spec.arguments)["filters"] == [8, 16, 32, 32, 32]


def test_lists_reach_the_depth_and_the_widths_of_an_smp_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ["encoder_depth=3", "decoder_channels=[32,16,8]"]
    wrap(arch="smp:unet", encoder="resnet18", quantise="8x4", setting=settings, out=Path("m.safetensors"))
    network = robustq.load("m.safetensors").network
    assert [block.conv2[0].out_channels for block in network.decoder.blocks] == [32, 16, 8]


@pytest.mark.parametrize(
    ("arch", "setting", "words"),
    [
        ("torchvision:lraspp_mobilenet", "aux_loss=true", "has no auxiliary loss: leave aux_loss out"),
        ("torchvision:fcn_resnet50", "aux_loss=False", "write aux_loss=false"),
        ("monai:unet", "out_channels=5", "has no setting out_channels"),
        ("smp:unet", "classes=5", "--set classes=... is an option of its own: give --classes instead"),
        ("unet", "seed=5", "give --seed instead"),
        ("unet", "in_channels=3", "give --in-channels instead"),
        ("unet", "width=abc", "unet was given width=abc, and width is a whole number: give one"),
        ("unet", "width=8.5", "unet was given width=8.5, and width is a whole number: give one"),
        ("unet", "width=true", "unet was given width=true, and width is a whole number"),
        ("unet", "scales=null", "unet was given scales=null, and scales is a whole number: give one, such as 5"),
        ("torchvision:fcn_resnet50", "aux_loss=1", "aux_loss is true or false: give one, such as false"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_a_sentence(arch: str, setting: str, words: str) -> None:
    with pytest.raises(RequestError, match=re.escape(words)):
        wrap(arch=arch, quantise="8x4", setting=[setting])


ENDS = """
import torch
from torch import nn
class Ends(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(1, 1, 1)
    def forward(self, images):
        scores = self.body(images)
        return {give}
def make(): return Ends()
"""


def test_outputs_between_0_and_1_are_told_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(ENDS.format(give="torch.sigmoid(scores)"))
    asked = {"model_file": "net.py:make", "quantise": "none", "at": "body", "classes": 1, "size": "16x16"}
    wrap(**asked, out=Path("told.safetensors"))
    printed = capsys.readouterr()
    assert "note: its outputs lie in [0, 1]" in printed.err
    wrap(**asked, answer="probabilities", out=Path("given.safetensors"))
    assert "note:" not in capsys.readouterr().err


def test_the_answer_among_several_is_chosen_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(ENDS.format(give="[images, scores]"))
    asked = {"model_file": "net.py:make", "quantise": "none", "at": "body", "classes": 1, "size": "16x16"}
    with pytest.raises(RequestError, match=r"gives 2 answers .*--head NUMBER"):
        wrap(**asked, out=Path("m.safetensors"))
    wrap(**asked, head="-1", out=Path("m.safetensors"))
    assert read_spec("m.safetensors").head == -1


def test_grey_to_rgb_makes_an_rgb_network_for_grey_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"arch": "unet", "quantise": "8x4", "size": "24x20", "out": Path("m.safetensors"), "grey_to_rgb": True}
    wrap(**asked, setting=[f"{key}={value}" for key, value in SETTINGS.items()])
    spec = robustq.load("m.safetensors").spec
    assert (spec.in_channels, spec.preparation.channels, spec.preparation.grey_to_rgb) == (3, 3, True)
    assert "1 × 24 × 20" in capsys.readouterr().out
    with pytest.raises(RequestError, match=r"the network takes 1: give channels=3 \(--in-channels 3\)"):
        wrap(**asked, in_channels=1)


def test_the_folder_of_a_trained_network_says_its_channels(folder: str) -> None:
    with pytest.raises(RequestError, match="already says what --grey-to-rgb would say"):
        wrap(arch=folder, quantise="8x4", grey_to_rgb=True)


@pytest.mark.parametrize(
    ("asked", "channels", "normalise"),
    [
        ({}, 1, "min-max"),
        ({"normalise": "imagenet"}, 3, "imagenet"),
        ({"normalise": "imagenet", "grey_to_rgb": True}, 3, "imagenet"),
        ({"mean_std": "0.5,0.4:0.2,0.1"}, 2, "mean-std"),
        ({"mean_std": "0.5:0.2", "normalise": "mean-std"}, 1, "mean-std"),
    ],
)
def test_the_normalisation_says_how_many_channels_the_network_takes(
    asked: dict[str, object], channels: int, normalise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrap(arch="unet", quantise="none", setting=[f"{key}={value}" for key, value in SETTINGS.items()], **asked)
    spec = robustq.load("unet-none.safetensors").spec
    assert (spec.in_channels, spec.preparation.normalise) == (channels, normalise)


def test_the_folder_of_a_trained_network_says_its_normalisation(folder: str) -> None:
    with pytest.raises(RequestError, match="already says what --normalise, --mean-std would say"):
        wrap(arch=folder, quantise="8x4", normalise="imagenet", mean_std="0.5:0.2")


@pytest.mark.parametrize(
    ("network", "asked", "expected"),
    [
        ("nn.Conv2d(3, 4, 1)", {}, (2, 3, 4, 3)),
        ("nn.Conv3d(1, 2, 1)", {"size": "8x8x8"}, (3, 1, 2, 1)),
        ("nn.Conv2d(4, 1, 1)", {}, (2, 4, 1, 1)),
        ("nn.Conv2d(3, 4, 1)", {"grey_to_rgb": True, "labels": "1=a,2=b,9=c"}, (2, 3, 4, 3)),
        ("nn.Conv2d(3, 2, 1)", {"answer": "sigmoid"}, (2, 3, 2, 2)),
    ],
)
def test_a_network_in_a_file_says_its_axes_channels_and_classes(
    network: str,
    asked: dict[str, object],
    expected: tuple[int, int, int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(f"from torch import nn\ndef make(): return nn.Sequential({network}, nn.Identity())\n")
    given = {"size": "16x16", "at": "0", "quantise": "none", "out": Path("m.safetensors")} | asked
    wrap(model_file="net.py:make", **given)
    spec = read_spec("m.safetensors")
    assert (spec.dims, spec.in_channels, spec.classes, len(spec.labels)) == expected
    assert (spec.preparation.dims, spec.preparation.channels) == expected[:2]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"classes": 2}, "classes=2 was given, and the network's output has 4: give classes=4"),
        ({"in_channels": 1}, "does not run on an input of 1 × 1 × 16 × 16"),
        ({"labels": "1=a"}, "4 output channels .* answer for 3 labels, and 1 labels are named"),
        ({"dims": 3}, "takes 3D images, and the size 16 × 16 was given"),
    ],
)
def test_what_contradicts_the_network_in_a_file_is_refused(
    asked: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text("from torch import nn\ndef make(): return nn.Sequential(nn.Conv2d(3, 4, 1))\n")
    with pytest.raises(RequestError, match=words):
        wrap(model_file="net.py:make", size="16x16", at="0", quantise="none", **asked)


def test_a_setting_is_given_once() -> None:
    with pytest.raises(RequestError, match=r"--set width=... was given twice, with 8 and 16: give it once"):
        wrap(arch="unet", quantise="8x4", setting=["width=8", "scales=2", "width=16"])
    with pytest.raises(RequestError, match=r"--set encoder=... and --encoder were both given"):
        wrap(arch="smp:unet", quantise="8x4", setting=["encoder=resnet18"], encoder="resnet34")


def test_trained_weights_are_measured_next_and_a_codebook_that_does_not_fit_them_is_trained_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = [f"{key}={value}" for key, value in SETTINGS.items()]
    network = build_architecture("unet", dims=2, in_channels=1, classes=4, **SETTINGS)
    save_file(network.state_dict(), tmp_path / "trained.safetensors")
    given = {"arch": "unet", "setting": small, "classes": 4, "size": "24x24", "out": Path("m.safetensors")}
    calibrated = {"weights": Path("trained.safetensors"), "calibrate": "phantom:cases=5,domain=A"}
    for quantise, options, next_word in (
        ("none", {"weights": Path("trained.safetensors")}, "stress --model m.safetensors"),
        ("4x4", calibrated, "stress --model m.safetensors"),
        ("4x4", {"weights": Path("trained.safetensors")}, "train m.safetensors"),
        ("none", {}, "train m.safetensors"),
    ):
        wrap(quantise=quantise, **given, **options)
        printed = " ".join(capsys.readouterr().out.split())
        assert f"next robustq {next_word}" in printed


def test_no_channel_at_all_is_refused_and_not_taken_for_the_default(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="channels=0 was given: an image has 1 channel or more"):
        wrap(arch="unet", in_channels=0, out=tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_next_commands_can_be_copied_where_a_path_has_a_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wrap(
        arch="unet",
        quantise="8x4",
        setting=[f"{key}={value}" for key, value in SETTINGS.items()],
        out=Path("my model.safetensors"),
    )
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["next"].strip() == "robustq train 'my model.safetensors' --data DATA"
    assert "--model 'my model-trained.safetensors' " in lines["then"]
