"""`robustq wrap` in the same process; tests/test_cli.py runs it as a user does."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

import robustq
from robustq.errors import RequestError
from robustq.model import pretrained as trained
from robustq.model.wrap import build_architecture
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
    monkeypatch.setattr(trained, "open_trained", lambda text: network_of)
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
