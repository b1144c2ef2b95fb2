"""MONAI bundles that MONAI itself writes and runs."""

import json
import pickle
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

import robustq
from networks import noise
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.model.pretrained import open_trained
from robustq.model.windows import class_scores
from robustq_cli.wrap import wrap as wrap_command
from trained_folders import Bomb, edited, stressed

pytest.importorskip("monai", reason="MONAI is not installed: pip install 'robustq[monai]'")

from monai.bundle import ConfigParser, init_bundle
from monai.networks.nets import UNet

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own
SETTINGS = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 8, 8], "strides": [2, 2]}
METADATA = {
    "network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "1": "spleen", "2": "tumour"}}}}
}
TRANSFORMS: list[dict[str, Any]] = [
    {"_target_": "LoadImaged", "keys": "image"},
    {"_target_": "EnsureChannelFirstd", "keys": "image"},
    {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
    {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 2.0], "mode": "bilinear"},
    {
        "_target_": "ScaleIntensityRanged",
        "keys": "image",
        "a_min": -57,
        "a_max": "@highest",
        "b_min": 0,
        "b_max": 1,
        "clip": True,
    },
    {"_target_": "EnsureTyped", "keys": "image", "device": "@device"},
]
INFERENCE: dict[str, Any] = {
    "imports": ["$import glob"],
    "device": "$torch.device('cpu')",
    "highest": 164.0,
    "widths": [4, 8, 8],
    "network_def": {"_target_": "UNet", **SETTINGS, "channels": "@widths", "norm": ["GROUP", {"num_groups": 2}]},
    "network": "$@network_def.to(@device)",
    "preprocessing": {"_target_": "Compose", "transforms": TRANSFORMS},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "sw_batch_size": 1, "overlap": 0.5},
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        ],
    },
}


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle that MONAI initialised; the working directory is beside it."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = UNet(**SETTINGS, norm=("GROUP", {"num_groups": 2}))
    folder = tmp_path / "spleen"
    init_bundle(folder, network=network, inference_str=INFERENCE, metadata_str=METADATA)
    return folder


def evaluated_by_monai(folder: Path) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(folder / "configs" / "inference.json")
    parser["bundle_root"] = str(folder)
    return parser


def volume(folder: Path) -> None:
    """One case of the size of the window, on the bundle's grid."""
    for name, kind in (("images", np.float32), ("masks", np.uint8)):
        (folder / name).mkdir(parents=True)
        values = 300 * noise(16, 16, 16).numpy() if kind is np.float32 else np.ones((16, 16, 16))
        image = nibabel.Nifti1Image(values.astype(kind), np.diag([1.5, 1.5, 2.0, 1]))
        image.header.set_xyzt_units("mm")
        nibabel.save(image, folder / name / "case.nii.gz")


def test_the_masks_are_those_of_the_bundles_own_inference(bundle: Path, tmp_path: Path) -> None:
    volume(tmp_path / "data")
    parser = evaluated_by_monai(bundle)
    network = parser.get_parsed_content("network")
    network.load_state_dict(torch.load(bundle / "models" / "model.pt", weights_only=True))
    case = parser.get_parsed_content("preprocessing")({"image": str(tmp_path / "data" / "images" / "case.nii.gz")})
    with torch.no_grad():
        scores = parser.get_parsed_content("inferer")(case["image"][None], network.eval())
    expected = parser.get_parsed_content("postprocessing")({"pred": scores[0]})["pred"][0]

    model = robustq.wrap(f"monai:{bundle}", "none").eval()
    assert model.spec.labels == ("spleen", "tumour")
    dataset = open_dataset(str(tmp_path / "data"))
    prepared = model.spec.preparation(dataset.read(dataset.entries[0]))
    with torch.no_grad():
        logits = model.run(prepared.image[None]).logits
    torch.testing.assert_close(logits, scores.as_tensor(), rtol=1e-4, atol=1e-4)
    assert logits.argmax(1)[0].equal(expected.as_tensor().long())

    quantised = robustq.wrap(f"monai:{bundle}", "16x4").eval()
    quantised.save(tmp_path / "model.safetensors")
    (bundle / "models" / "model.pt").unlink()
    again = robustq.load(tmp_path / "model.safetensors")
    with torch.no_grad():
        assert again.run(prepared.image[None]).logits.equal(quantised.run(prepared.image[None]).logits)


@pytest.mark.parametrize(
    "settings", [{}, {"overlap": 0.5, "mode": "gaussian"}, {"overlap": 0.625, "roi_size": 8}, {"roi_size": [8, 24, 16]}]
)
def test_the_windows_are_those_of_the_bundles_own_inferer(bundle: Path, settings: dict[str, Any]) -> None:
    inferer = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], **settings}
    edited(bundle / "configs" / "inference.json", lambda it: it.update(inferer=inferer))
    parser = evaluated_by_monai(bundle)
    network = parser.get_parsed_content("network")
    network.load_state_dict(torch.load(bundle / "models" / "model.pt", weights_only=True))
    image = noise(1, 1, 24, 20, 28)
    model = robustq.wrap(f"monai:{bundle}", "none").eval()
    with torch.no_grad():
        theirs = parser.get_parsed_content("inferer")(image, network.eval())
        ours = class_scores(model, image, batch_size=1).scores
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert ours.argmax(1).equal(theirs.argmax(1))


def test_windows_that_cannot_be_followed_are_told(bundle: Path) -> None:
    inferer = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, -1]}
    edited(bundle / "configs" / "inference.json", lambda it: it.update(inferer=inferer))
    spec = robustq.wrap(f"monai:{bundle}", "none").spec
    assert spec.preparation.patch is None
    assert any("with roi_size [16, 16, -1]), here it is shown whole cases" in remark for remark in spec.remarks)


def test_given_means_of_scaled_channels_become_the_preparation(bundle: Path) -> None:
    edited(bundle / "configs" / "inference.json", lambda it: it["network_def"].update(in_channels=2))
    scaled = {"_target_": "ScaleIntensityRanged", "a_min": 0, "a_max": 255, "b_min": 0, "b_max": 1, "clip": True}
    given = {"_target_": "NormalizeIntensityd", "subtrahend": [0.4, 0.5], "divisor": [0.2, 0.3], "channel_wise": True}
    trained = translated(bundle, scaled, given)
    assert trained.preparation.mean_std == ((0.4, 0.5), (0.2, 0.3))
    assert not trained.remarks
    (remark,) = translated(bundle, {"_target_": "NormalizeIntensityd"}).remarks
    assert remark == "NormalizeIntensity took all channels together, here each channel is taken alone"


def test_a_bundle_in_two_dimensions_is_measured(bundle: Path) -> None:
    flat = {**INFERENCE["network_def"], "spatial_dims": 2}
    edited(
        bundle / "configs" / "inference.json", lambda it: it.update(network_def=flat, preprocessing={}, inferer=None)
    )
    torch.save(
        UNet(**SETTINGS | {"spatial_dims": 2}, norm=("GROUP", {"num_groups": 2})).state_dict(),
        bundle / "models/model.pt",
    )
    model = robustq.wrap(f"monai:{bundle}", "16x4").eval()
    assert set(stressed(model, (32, 32))["status"]) <= {"ok", "missed"}


def test_transforms_become_the_preparation_and_the_rest_is_told(bundle: Path) -> None:
    spec = robustq.wrap(f"monai:{bundle}", "none").spec
    assert (spec.preparation.window, spec.preparation.spacing) == ((-57.0, 164.0), (1.5, 1.5, 2.0))
    assert any("turned to the orientation RAS" in remark for remark in spec.remarks)
    assert (spec.preparation.patch, spec.preparation.windows) == ((16, 16, 16), "constant:0.5")


def translated(bundle: Path, *transforms: dict[str, Any]) -> Any:
    edited(bundle / "configs" / "inference.json", lambda it: it.update(preprocessing={"transforms": list(transforms)}))
    return open_trained(f"monai:{bundle}")


@pytest.mark.parametrize(
    ("transform", "values"),
    [
        (
            {"_target_": "ScaleIntensityRanged", "a_min": 0, "a_max": 50, "b_min": -1, "b_max": 1, "clip": True},
            (0.0, 50.0),
        ),
        ({"_target_": "ScaleIntensityd"}, None),
        ({"_target_": "NormalizeIntensityd"}, None),
        (
            {
                "_target_": "monai.transforms.ScaleIntensityRangePercentilesd",
                "lower": 0.5,
                "upper": 99.5,
                "b_min": 0,
                "b_max": 1,
            },
            None,
        ),
    ],
)
def test_intensities_are_normalised_as_by_monai(bundle: Path, transform: dict[str, Any], values: Any) -> None:
    trained = translated(bundle, transform)
    assert not trained.remarks
    image = (100 * noise(1, 8, 8, 8)).float()
    (case,) = (
        data.read(entry)
        for data in [robustq.InMemoryDataset([(image, torch.ones(8, 8, 8, dtype=torch.int))])]
        for entry in data.entries
    )
    theirs = ConfigParser({"it": {**transform, "keys": "image"}}).get_parsed_content("it")({"image": image})["image"]
    tolerance = 0.02 if values is None and "Percentiles" in transform["_target_"] else 1e-3
    difference = (trained.preparation(case).image - torch.as_tensor(theirs)).abs()
    if "Percentiles" in transform["_target_"]:
        difference = difference[(theirs > 0) & (theirs < 1)]  # robustq also clips
    assert difference.max() < tolerance


def test_transforms_without_a_counterpart_are_named(bundle: Path) -> None:
    remarks = translated(
        bundle,
        {"_target_": "CropForegroundd", "keys": ["image"], "source_key": "image"},
        {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": "$-57", "a_max": 164},
        {"_target_": "RandFlipd", "keys": "label"},
    ).remarks
    assert remarks[:2] == (
        "CropForeground has no counterpart here, so it is left out",
        "ScaleIntensityRanged has settings that are expressions, so it is left out here",
    )
    assert not any("Flip" in remark for remark in remarks)


def test_a_configuration_in_yaml_is_read(bundle: Path) -> None:
    expected = open_trained(f"monai:{bundle}")
    ConfigParser.export_config_file(INFERENCE, str(bundle / "configs" / "inference.yaml"), fmt="yaml")
    (bundle / "configs" / "inference.json").unlink()
    assert open_trained(f"monai:{bundle}") == expected


def test_expressions_are_evaluated_only_where_the_folder_is_trusted(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expression = "$len(@widths) if open('went-off', 'w') else 0"
    edited(bundle / "configs" / "inference.json", lambda it: it["network_def"].update(out_channels=expression))
    with pytest.raises(RequestError, match="an expression that would run code: give --trust if you trust its author"):
        wrap_command(arch=f"monai:{bundle}", quantise="16x4", size=None)
    assert not Path("went-off").exists()
    wrap_command(arch=f"monai:{bundle}", quantise="none", trust=True)
    assert Path("went-off").exists()
    assert robustq.load("monai-spleen-none.safetensors").spec.classes == 3


def configured(**changes: Any) -> Any:
    return lambda folder: edited(folder / "configs" / "inference.json", lambda it: it["network_def"].update(changes))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (configured(_target_="pathlib.Path.touch"), "no segmentation network of monai.networks.nets"),
        (configured(_target_="scripts.net.Evil"), "'scripts.net.Evil' is no segmentation network"),
        (configured(_target_="os.UNet"), "'os.UNet' is no segmentation network"),
        (configured(_target_="$__import__('pathlib').Path('went-off').touch()"), "is no segmentation network"),
        (configured(act={"_target_": "pathlib.Path.touch", "self": "went-off"}), "settings that are objects"),
        (configured(dropout="$__import__('pathlib').Path('went-off').touch()"), "an expression that would run code"),
        (configured(channels="@nowhere"), "refers to @nowhere, which it does not have"),
        (configured(channels="@network_def::channels"), "a reference to itself"),
        (configured(channels="%other.json::channels"), "a reference to a file"),
        (configured(out_channels="3"), "out_channels='3': it must be a whole number above 0"),
        (configured(surprise=1), "has no setting surprise"),
        (configured(channels=[4, 8, 16]), "of shape"),
        (lambda folder: (folder / "models/model.pt").write_bytes(pickle.dumps(Bomb())), "checkpoint"),
        (lambda folder: torch.save({"model": Bomb()}, folder / "models/model.pt"), "not a checkpoint of tensors alone"),
        (lambda folder: (folder / "models/model.pt").unlink(), "there is no weights file"),
        (lambda folder: (folder / "configs/inference.json").write_text("{"), "inference.json cannot be read"),
        (lambda folder: (folder / "configs/inference.json").unlink(), "there is no configs/inference.json"),
        (lambda folder: (folder / "configs/inference.json").write_text(json.dumps({})), "has no network_def"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_words_and_runs_nothing(
    bundle: Path, spoil: Any, words: str
) -> None:
    spoil(bundle)
    with pytest.raises(RequestError, match=words):
        robustq.wrap(f"monai:{bundle}", "16x4")
    assert not Path("went-off").exists()
