"""Folders that save_pretrained of transformers writes, with the real library."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

import robustq
from networks import noise
from robustq.data.network_input import network_input
from robustq.errors import RequestError
from robustq_cli.wrap import wrap as wrap_command
from trained_folders import Bomb, edited, stressed

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'robustq[hf]'")

SIZES: dict[str, Any] = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16]}
NAMES = {0: "background", 1: "liver", 2: "tumour"}


def segformer(**settings: Any) -> nn.Module:
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        **SIZES | {"num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16, "num_channels": 1} | settings
    )
    return transformers.SegformerForSemanticSegmentation(config).eval()


def upernet(**settings: Any) -> nn.Module:
    torch.manual_seed(0)
    stages = [f"stage{number}" for number in range(1, 5)]
    backbone = transformers.ConvNextConfig(**SIZES, num_channels=1, out_features=stages)
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=16, auxiliary_in_channels=16, auxiliary_channels=8, **settings
    )
    return transformers.UperNetForSemanticSegmentation(config).eval()


def mobilevit(**settings: Any) -> nn.Module:
    torch.manual_seed(0)
    config = transformers.MobileViTConfig(
        num_channels=1,
        hidden_sizes=[16, 16, 16],
        neck_hidden_sizes=[8, 8, 8, 8, 8, 8, 16],
        num_attention_heads=2,
        aspp_out_channels=16,
        **settings,
    )
    return transformers.MobileViTForSemanticSegmentation(config).eval()


def librarys_own(folder: Path, images: Tensor) -> Tensor:
    """The library's scores, resized as its own post_process_semantic_segmentation resizes them."""
    network = transformers.AutoModelForSemanticSegmentation.from_pretrained(folder, local_files_only=True).eval()
    return interpolate(network(images).logits, size=images.shape[2:], mode="bilinear", align_corners=False)


@pytest.mark.parametrize("make", [segformer, upernet, mobilevit])
def test_the_answer_is_the_librarys_own_until_a_quantiser_is_inserted(tmp_path: Path, make: Any) -> None:
    folder = tmp_path / "net"
    make(id2label=NAMES, label2id={name: number for number, name in NAMES.items()}).save_pretrained(folder)
    images = noise(2, 1, 64, 64)
    wrapped = robustq.wrap(f"hf:{folder}", "none").eval()
    assert wrapped.spec.labels == ("liver", "tumour")
    with torch.no_grad():
        torch.testing.assert_close(wrapped(images), librarys_own(folder, images), rtol=0, atol=1e-5)

    quantised = robustq.wrap(f"hf:{folder}", "16x4").eval()
    quantised.save(tmp_path / "model.safetensors")
    (folder / "config.json").unlink()
    again = robustq.load(tmp_path / "model.safetensors")
    with torch.no_grad():
        assert again.run(images).logits.equal(quantised.run(images).logits)
    assert set(stressed(again, (64, 64))["status"]) <= {"ok", "missed"}


def test_a_fresh_network_is_built_by_its_kind() -> None:
    model = robustq.wrap("hf", "16x4", classes=3, model_type="segformer", **SIZES).eval()
    assert model.run(noise(1, 1, 64, 64)).logits.shape == (1, 3, 64, 64)
    with pytest.raises(RequestError, match="unknown model_type of hf 'segfromer': did you mean segformer"):
        robustq.wrap("hf", "16x4", model_type="segfromer")


def test_weights_of_torch_save_are_read_too(tmp_path: Path) -> None:
    segformer(num_labels=1).save_pretrained(tmp_path)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    images = noise(1, 1, 32, 32)
    expected = librarys_own(tmp_path, images)
    (tmp_path / "model.safetensors").unlink()
    model = robustq.wrap(f"hf:{tmp_path}", "none").eval()
    torch.testing.assert_close(model(images), expected, rtol=0, atol=1e-5)
    assert (model.spec.answer, model.spec.labels) == ("sigmoid", ("0",))


@pytest.mark.parametrize(
    ("mean", "deviation", "normalise"),
    [
        (0.5, 0.25, "window"),
        ([0.5] * 3, [0.25] * 3, "window"),
        ([0.4, 0.5, 0.6], [0.2] * 3, "mean-std"),
        ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], "imagenet"),
    ],
)
def test_cases_are_prepared_as_by_the_image_processor(
    tmp_path: Path, mean: Any, deviation: Any, normalise: str
) -> None:
    segformer(num_channels=3).save_pretrained(tmp_path)
    processor = transformers.SegformerImageProcessor(
        size={"height": 32, "width": 64}, image_mean=mean, image_std=deviation
    )
    processor.save_pretrained(tmp_path)
    model = robustq.wrap(f"hf:{tmp_path}", "none").eval()
    spec = model.spec
    assert spec.preparation.size == (32, 64)
    assert spec.preparation.normalise == normalise
    assert not spec.remarks

    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (3, 32, 64), generator=generator)
    (case,) = (
        data.read(entry)
        for data in [robustq.InMemoryDataset([(image.float(), torch.zeros(32, 64, dtype=torch.int))])]
        for entry in data.entries
    )
    ours = spec.preparation(case).image
    theirs = processor(image.byte(), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(network_input(ours[None], spec.preparation), theirs, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(model.run(ours[None]).logits, librarys_own(tmp_path, theirs), rtol=0, atol=1e-4)


def test_grey_images_for_an_rgb_network_are_the_users_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    segformer(num_channels=3).save_pretrained("net")
    transformers.SegformerImageProcessor(size={"height": 32, "width": 32}).save_pretrained("net")
    wrap_command(arch="hf:net", quantise="none", grey_to_rgb=True, out=Path("grey.safetensors"))
    preparation = robustq.load("grey.safetensors").spec.preparation
    assert (preparation.case_channels, preparation.normalise) == (1, "imagenet")


def test_what_a_preparation_cannot_express_is_told(tmp_path: Path) -> None:
    segformer(id2label={0: "wall", 1: "sky"}, num_channels=3).save_pretrained(tmp_path)
    processor = transformers.SegformerImageProcessor(size={"shortest_edge": 32}, do_reduce_labels=True)
    processor.save_pretrained(tmp_path)
    remarks = " ".join(robustq.wrap(f"hf:{tmp_path}", "none").spec.remarks)
    for words in (
        "resized to {'shortest_edge': 32}",
        "do_reduce_labels",
        "its first class, wall, is read as the",
    ):
        assert words in remarks


def test_the_command_line_wraps_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    segformer().save_pretrained("net")
    wrap_command(arch="hf:net", quantise="16x4", normalise="z-score", size="32x32")
    printed = capsys.readouterr()
    assert "tensors from model.safetensors" in printed.out
    assert "preparation    normalise z-score, size (32, 32)" in printed.out
    assert "note" not in printed.err
    with pytest.raises(RequestError, match="net already says what --labels would say"):
        wrap_command(arch="hf:net", quantise="16x4", labels="1=liver")


def code_in(name: str) -> Any:
    """Puts an entry auto_map into a file of the folder, and the code that it names."""

    def spoil(folder: Path) -> None:
        (folder / "evil.py").write_text("import pathlib\npathlib.Path('went-off').touch()\n")
        file = folder / name
        if not file.exists():
            file.write_text("{}")
        edited(
            file, lambda it: it.update(auto_map={"AutoConfig": "evil.Config", "AutoImageProcessor": "evil.Processor"})
        )

    return spoil


def configured(**changes: Any) -> Any:
    return lambda folder: edited(folder / "config.json", lambda it: it.update(changes))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))


def saved_bomb(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weights": Bomb()}, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (code_in("config.json"), "config.json has an entry auto_map, which names code in the folder"),
        (code_in("preprocessor_config.json"), "preprocessor_config.json has an entry auto_map"),
        (configured(backbone_config={"auto_map": {}}), "config.json has an entry auto_map"),
        (configured(backbone="somebody/network"), "names the backbone 'somebody/network'"),
        (configured(model_type="bert"), "a network of the kind 'bert', which gives no score for each pixel"),
        (configured(id2label={"1": "liver"}), "does not name the classes 0, 1, 2"),
        (configured(hidden_sizes=[8, 8, 16]), "cannot be built with these settings"),
        (configured(hidden_sizes=[8, 8, 16, 32]), "is not the checkpoint of the network that its folder describes"),
        (pickled, "cannot be read as a checkpoint|not a checkpoint of tensors alone"),
        (saved_bomb, "not a checkpoint of tensors alone"),
        (lambda folder: (folder / "model.safetensors").unlink(), "there is no model.safetensors or pytorch_model.bin"),
        (lambda folder: (folder / "config.json").unlink(), "there is no config.json in"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_words_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    segformer().save_pretrained(tmp_path / "net")
    spoil(tmp_path / "net")
    with pytest.raises(RequestError, match=words):
        robustq.wrap(f"hf:{tmp_path / 'net'}", "16x4")
    assert not Path("went-off").exists()
