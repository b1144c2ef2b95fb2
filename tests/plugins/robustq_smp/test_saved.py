"""Folders that save_pretrained of segmentation-models-pytorch writes, with the real library."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

import robustq
from networks import noise
from robustq.errors import RequestError
from robustq.model.pretrained import open_trained
from robustq_cli.wrap import wrap as wrap_command
from trained_folders import Bomb, edited, stressed

SMALL: dict[str, Any] = {"encoder_name": "resnet18", "encoder_weights": None, "in_channels": 1}


def saved(folder: Path, model: type[nn.Module] = smp.Unet, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    network = model(**SMALL | {"encoder_depth": 3, "decoder_channels": (16, 8, 8)} | settings).eval()
    network.save_pretrained(folder)
    return network


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (smp.Unet, {"classes": 3}),
        (smp.FPN, {"encoder_depth": 5, "classes": 2, "decoder_pyramid_channels": 16, "decoder_channels": None}),
        (smp.Unet, {"encoder_name": "tu-resnet18", "classes": 1}),
    ],
)
def test_the_answer_is_the_librarys_own_until_a_quantiser_is_inserted(
    tmp_path: Path, model: type[nn.Module], settings: dict[str, Any]
) -> None:
    settings = {name: value for name, value in ({"decoder_channels": (16, 8, 8)} | settings).items() if value}
    torch.manual_seed(0)
    network = model(**SMALL | {"encoder_depth": 3} | settings).eval()
    network.save_pretrained(tmp_path / "net")
    own = smp.from_pretrained(tmp_path / "net").eval()
    images = noise(2, 1, 64, 64)
    wrapped = robustq.wrap(f"smp:{tmp_path / 'net'}", "none").eval()
    with torch.no_grad():
        assert wrapped(images).equal(own(images))

    quantised = robustq.wrap(f"smp:{tmp_path / 'net'}", "16x4").eval()
    quantised.save(tmp_path / "model.safetensors")
    (tmp_path / "net" / "model.safetensors").unlink()
    again = robustq.load(tmp_path / "model.safetensors")
    with torch.no_grad():
        assert again.run(images).logits.equal(quantised.run(images).logits)
    assert set(stressed(again, (64, 64))["status"]) <= {"ok", "missed"}


@pytest.mark.parametrize(
    ("activation", "classes", "answer", "labels"),
    [
        (None, 3, "softmax", 2),
        (None, 1, "sigmoid", 1),
        ("identity", 2, "softmax", 1),
        ("sigmoid", 3, "probabilities", 3),
        ("softmax2d", 3, "probabilities", 2),
        ("logsoftmax", 3, "softmax", 2),
    ],
)
def test_the_activation_decides_the_answer(
    tmp_path: Path, activation: str | None, classes: int, answer: str, labels: int
) -> None:
    network = saved(tmp_path, classes=classes, activation=activation)
    trained = open_trained(f"smp:{tmp_path}")
    assert trained is not None
    assert (trained.answer, len(trained.preparation.labels)) == (answer, labels)
    images = noise(1, 1, 32, 32)
    if activation == "sigmoid":
        masks = robustq.wrap(f"smp:{tmp_path}", "none").eval().run(images)
        assert masks.logits.equal(network(images))


def test_what_the_folder_does_not_say_comes_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("net"), classes=3)
    wrap_command(arch="smp:net", quantise="16x4", labels="1=liver,5=tumour", size="32x32", normalise="z-score")
    assert "note" not in capsys.readouterr().err
    spec = robustq.load("smp-net-vq-16x4.safetensors").spec
    assert (spec.labels, spec.preparation.size, spec.preparation.normalise) == (
        ("liver", "tumour"),
        (32, 32),
        "z-score",
    )
    wrap_command(arch="smp:net", quantise="none", answer="sigmoid", out=Path("each.safetensors"))
    assert "does not say how its cases were prepared: give --normalise and --labels" in capsys.readouterr().err
    assert robustq.load("each.safetensors").spec.labels == ("1", "2", "3")
    with pytest.raises(RequestError, match="net already says what --classes would say"):
        wrap_command(arch="smp:net", quantise="16x4", classes=2)


def test_a_registered_name_wins_over_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("unet"), classes=3)
    assert open_trained("smp:unet") is None
    assert open_trained("smp:./unet") is not None
    with pytest.raises(RequestError, match="unknown architecture 'smp:unett': did you mean smp:unet"):
        robustq.wrap("smp:unett")


def test_pretrained_weights_of_the_encoder_are_never_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, classes=2)
    edited(tmp_path / "config.json", lambda it: it.update(encoder_weights="imagenet"))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("downloaded")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.load_state_dict_from_url", refuse, raising=False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    assert "encoder_weights" not in dict(robustq.wrap(f"smp:{tmp_path}", "16x4").spec.arguments)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "there is no config.json in"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is not JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), "there is no weights file"),
        (lambda folder: (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb())), "cannot be read as a checkp"),
        (lambda folder: edited(folder / "config.json", lambda it: it.update(_model_class="os")), "the network 'os'"),
        (lambda folder: edited(folder / "config.json", lambda it: it.update(classes="3")), "classes='3': it must be"),
        (lambda folder: edited(folder / "config.json", lambda it: it.update(classes=3)), "of shape"),
        (lambda folder: edited(folder / "config.json", lambda it: it.update(activation="argmax")), "gives no score"),
        (lambda folder: edited(folder / "config.json", lambda it: it.update(encoder_name="tu-x")), "unknown encoder"),
        (lambda folder: edited(folder / "config.json", lambda it: it.update(checkpoint_path="x")), "does not have"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_words_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "net", classes=2)
    spoil(tmp_path / "net")
    with pytest.raises(RequestError, match=words):
        robustq.wrap(f"smp:{tmp_path / 'net'}", "16x4")
    assert not Path("went-off").exists()
