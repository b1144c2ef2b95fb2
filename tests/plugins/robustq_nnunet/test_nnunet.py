"""nnU-Net's networks, results folders and trainer, with the real library."""

import copy
import dataclasses
import itertools
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import robustq
from networks import noise
from robustq.data.open_dataset import open_dataset
from robustq.dataset import Case, Entry
from robustq.errors import CaseError, RequestError
from robustq.model.nnunet_windows import NnunetWindows
from robustq.model.predict import predict
from robustq.model.windows import class_scores

pytest.importorskip("nnunetv2", reason="nnU-Net is not installed: pip install 'robustq[nnunet]'")

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

import nnunet_folders as folders
from robustq_cli.wrap import wrap as wrap_command
from robustq_nnunet.trainer import nnUNetTrainerRobustq

VARIANTS = ("PlainConvUNet", "ResidualEncoderUNet")
pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a results folder of some plans and labels."""

    def make(plan: dict[str, Any] | None = None, described: dict[str, Any] | None = None) -> Path:
        return folders.results(tmp_path, plan or folders.plans(2), described or folders.dataset(), monkeypatch)

    return make


@pytest.fixture
def write_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same, with a network that nnU-Net's trainer has trained for 100 steps on three volumes."""

    def make(plan: dict[str, Any], described: dict[str, Any]) -> Path:
        return folders.results(tmp_path, plan, described, monkeypatch, steps=100)

    return make


def built_by_nnunet(results: Path, *, supervised: bool = False) -> nn.Module:
    """The network as nnU-Net itself rebuilds it from its results, in evaluation mode."""
    # The file was written a moment ago by nnU-Net's trainer, and is loaded as nnU-Net loads it.
    stored = torch.load(results / "fold_0" / "checkpoint_final.pth", weights_only=False)
    manager = PlansManager(json.loads((results / "plans.json").read_text()))
    configuration = manager.get_configuration(stored["init_args"]["configuration"])
    labels = manager.get_label_manager(json.loads((results / "dataset.json").read_text()))
    network = nnUNetTrainer.build_network_architecture(
        manager, configuration, 1, labels.num_segmentation_heads, supervised
    )
    network.load_state_dict(stored["network_weights"])
    return network.eval()


def as_list(output: Tensor | list[Tensor]) -> list[Tensor]:
    return output if isinstance(output, list) else [output]


@pytest.mark.parametrize("supervised", [False, True])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_trained_network_is_wrapped_as_it_is_and_quantised(
    write: Any, variant: str, dims: int, supervised: bool
) -> None:
    results = write(folders.plans(dims, variant))
    original = built_by_nnunet(results, supervised=supervised)
    images = noise(2, 1, *[16] * dims)

    plain = robustq.wrap(f"nnunet:{results}", "none", deep_supervision=supervised).eval()
    with torch.no_grad():
        ours, theirs = as_list(plain(images)), as_list(original(images))
        assert len(ours) == len(theirs) == (2 if supervised else 1)
        assert all(one.equal(other) for one, other in zip(ours, theirs, strict=True))
        assert plain.run(images).logits.equal(theirs[0]), "the answer is the entry at full resolution"
        assert plain.run(images[..., 1:]).logits.shape == (2, 3, *[16] * (dims - 1), 15)

    model = robustq.wrap(f"nnunet:{results}", "16x4", deep_supervision=supervised)
    parts = model.run(images)
    assert parts.embedding.shape[:2] == (2, 4)
    (parts.logits.square().mean() + parts.quantiser_loss).backward()
    assert model.quantiser.codebook.grad.abs().sum() > 0
    # Heads of coarser resolutions have no part in the answer; everything before the cut has.
    assert all(parameter.grad is not None for parameter in model.network.encoder.parameters())

    model.eval().save(results / "model.safetensors")
    shutil.move(results / "model.safetensors", results.parents[1] / "model.safetensors")
    shutil.rmtree(results)
    again = robustq.load(results.parents[1] / "model.safetensors")
    assert again.spec == model.spec
    with torch.no_grad():
        assert again.run(images).logits.equal(model.run(images).logits)


@pytest.mark.parametrize("extents", [(29, 21, 40), (12, 37, 16)])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("described", [folders.dataset(), folders.dataset(folders.REGIONS)])
def test_masks_on_nnunets_own_grid_are_those_of_its_predictor(
    write: Any, described: dict[str, Any], dims: int, extents: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    results = write(folders.plans(dims), described)
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(results), (0,), "checkpoint_final.pth")
    image = noise(1, *extents)
    theirs = predictor.predict_logits_from_preprocessed_data(image).float()

    model = robustq.wrap(f"nnunet:{results}", "none").eval()
    # A 2D network reads slices along nnU-Net's first axis.
    images = image[None] if dims == 3 else image.movedim(1, 0)
    with torch.no_grad():
        scores = class_scores(model, images, batch_size=1).scores
    ours, expected = model.masks(scores), model.masks(theirs[None] if dims == 3 else theirs.movedim(1, 0))
    both, sizes = (ours & expected).transpose(0, 1).flatten(1).sum(1), ours.transpose(0, 1).flatten(1).sum(1)
    dice = 2 * both / (sizes + expected.transpose(0, 1).flatten(1).sum(1))
    with capsys.disabled():
        print(f"\n{dims}D {extents}: {int((ours != expected).any(1).sum())} of {image.numel()} voxels differ, {dice}")
    assert all(dice[sizes > 0] >= 0.999)
    torch.testing.assert_close(scores, theirs[None] if dims == 3 else theirs.movedim(1, 0), rtol=0, atol=5e-3)


@pytest.mark.parametrize("dims", [2, 3])
def test_answers_to_raw_cases_are_those_of_its_predictor(
    write_trained: Any, tmp_path: Path, dims: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the files to the masks, with a network that nnU-Net has trained for a moment; the counts are printed."""
    plan = folders.plans(dims, use_mask_for_norm=[True])
    described = folders.dataset()
    results = write_trained(plan, described)
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(results), (0,), "checkpoint_final.pth")
    model = robustq.wrap(f"nnunet:{results}", "none").eval()
    kinds = {"plain": ((0.5, 0.75, 2.0), 0), "border": ((0.6, 0.7, 1.8), 3), "thick": ((0.5, 0.6, 4.0), 2)}
    lines = []
    for kind, (spacing, border) in kinds.items():
        folders.raw(tmp_path, kind, described, spacing=spacing, border=border, shape=(26, 24, 12))
        image, _ = nnunets_own(tmp_path, plan, described, kind)
        logits = predictor.predict_logits_from_preprocessed_data(image)
        theirs = torch.stack([logits.argmax(0) == label for label in (1, 2)])
        case = in_robustq(results, tmp_path, kind)
        (answer,) = predict(model, case.image[None], batch_size=2, axis=case.slice_axis)
        ours = answer.masks[0] if dims == 3 else answer.masks[0].movedim(-1, 1)
        dice = [
            float(2 * (one & other).sum() / (one.sum() + other.sum())) for one, other in zip(ours, theirs, strict=True)
        ]
        differ = int((ours != theirs).any(0).sum())
        lines.append(
            f"{dims}D {kind} {tuple(ours.shape[1:])}: {differ} of {ours[0].numel()} voxels differ, Dice {dice}"
        )
        assert min(dice) >= 0.999, lines[-1]
    with capsys.disabled():
        print("", *lines, sep="\n")


def test_an_answer_whose_sums_overflow_is_none_as_in_nnunet(write: Any, tmp_path: Path) -> None:
    results = write(folders.plans(3))
    file = results / "fold_0" / "checkpoint_final.pth"
    stored = torch.load(file, weights_only=False)
    for name, value in stored["network_weights"].items():
        if "seg_layers" in name:
            value *= 1e6
    torch.save(stored, file)
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(results), (0,), "checkpoint_final.pth")
    image = noise(1, 20, 20, 20)
    with pytest.raises(RuntimeError, match="Encountered inf in predicted array"):
        predictor.predict_logits_from_preprocessed_data(image)
    (answer,) = predict(robustq.wrap(f"nnunet:{results}", "none").eval(), image[None], batch_size=2)
    assert not answer.finite.any()


def test_windows_lie_and_weigh_as_nnunets() -> None:
    for size, extents in (((16, 12, 9), (110, 64, 9)), ((64, 48), (110, 97))):
        windows = NnunetWindows(size)
        assert windows.corners(extents) == list(
            itertools.product(*compute_steps_for_sliding_window(extents, size, 0.5))
        )
        own = compute_gaussian(size, value_scaling_factor=10, device=torch.device("cpu"))
        assert windows.importance().equal(own.float())


def test_a_bundle_is_rebuilt_where_only_the_networks_are_installed(write: Any, tmp_path: Path) -> None:
    robustq.wrap(f"nnunet:{write()}", "16x4").save(tmp_path / "model.safetensors")
    code = f"""
import sys
sys.modules["nnunetv2"] = None
import robustq, torch
from robustq.dataset import Case, Entry
model = robustq.load({str(tmp_path / "model.safetensors")!r})
case = Case(torch.ones(1, 8, 8), None, torch.tensor([[0.0, 1.0]]), (1.0, 1.0), "mm", Entry("a", "a"))
for needs_nnunet in (lambda: robustq.wrap("nnunet:somewhere", "none"), lambda: model.spec.preparation(case)):
    try:
        needs_nnunet()
    except robustq.RequestError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    for line, work in zip(done.stdout.splitlines(), ("reading a results folder", "preparing a case"), strict=True):
        assert work in line
        assert "needs the library nnunetv2" in line
        assert "pip install 'robustq[nnunet]'" in line


def test_what_the_folder_says_of_weights_and_labels_is_in_the_spec(write: Any) -> None:
    labels = {"background": 0, "tumour": 2, "liver": 1, "ignore": 3}
    spec = robustq.wrap(f"nnunet:{write(described=folders.dataset(labels))}", "16x4").spec
    assert spec.preparation.labels == ((1, "liver"), (2, "tumour"))
    assert (spec.preparation.ignore, spec.classes, spec.answer) == (3, 3, "softmax")
    assert spec.weights.startswith("88 of 88 tensors from checkpoint_final.pth")
    assert any("trained in nnU-Net" in remark for remark in spec.status)


def test_regions_become_labels_that_overlap(write: Any) -> None:
    model = robustq.wrap(f"nnunet:{write(described=folders.dataset(folders.REGIONS))}", "16x4")
    assert (model.spec.classes, model.spec.answer) == (2, "sigmoid")
    assert model.spec.labels == ("whole", "tumour")
    mask = torch.tensor([[0, 1, 2], [2, 0, 1]])
    # nnU-Net reads the last axis of a file first.
    case = Case(noise(1, 3, 2), mask.T, torch.tensor([[0.0, 1.0]]), (0.5, 0.75), "mm", Entry("a", "a"))
    whole, tumour = model.spec.preparation(case).mask
    assert whole.equal(mask > 0)
    assert tumour.equal(mask == 2)
    assert type(model.spec).from_dict(json.loads(json.dumps(model.spec.to_dict()))) == model.spec


def nnunets_own(root: Path, plan: dict[str, Any], described: dict[str, Any], case: str = "a") -> tuple[Any, Any]:
    """Image and mask of a raw case as nnU-Net's preprocessor gives them."""
    manager = PlansManager(copy.deepcopy(plan))
    (name,) = plan["configurations"]
    channels = range(len(described["channel_names"]))
    image, mask, _ = DefaultPreprocessor(verbose=False).run_case(
        [str(root / f"imagesTr/{case}_{channel:04}.nii.gz") for channel in channels],
        str(root / f"labelsTr/{case}.nii.gz"),
        manager,
        manager.get_configuration(name),
        described,
    )
    return torch.from_numpy(image), torch.from_numpy(mask)


def in_robustq(results: Path, root: Path, case: str = "a") -> Case:
    """The same case as robustq prepares it, with the axes in nnU-Net's order."""
    preparation = robustq.wrap(f"nnunet:{results}", "none").spec.preparation
    dataset = open_dataset(f"nnunet:{root}")
    (entry,) = (entry for entry in dataset.entries if entry.id == case)
    return preparation(dataset.read(entry))


MASKED = "masked"
"""Stands for a z-score over the nonzero region."""


@pytest.mark.parametrize(
    "settings",
    [
        {"schemes": ["ZScoreNormalization"]},
        {"schemes": [MASKED], "border": 3},
        {"schemes": ["CTNormalization"], "border": 2, "transpose": [2, 0, 1]},
        {"schemes": ["RescaleTo01Normalization"], "transpose": [1, 0, 2]},
        {"schemes": ["NoNormalization"], "stored": (0.5, 0.75, 2.0)},
        {"schemes": [MASKED, "CTNormalization"], "border": 1, "stored": (0.8, 0.6, 9.0)},
        {"schemes": ["ZScoreNormalization"], "stored": (1.3, 0.6, 1.9), "reader": "NibabelIOWithReorient"},
        {"schemes": ["ZScoreNormalization"], "resampling": "resample_torch_fornnunet"},
    ],
)
@pytest.mark.parametrize("dims", [2, 3])
def test_a_raw_case_is_prepared_as_nnunet_prepares_it(
    write: Any, tmp_path: Path, dims: int, settings: dict[str, Any]
) -> None:
    """Crop, normalisation and resampling, thick slices among them; every value and every mask equal."""
    schemes, transpose = settings["schemes"], settings.get("transpose", [0, 1, 2])
    stored, reader = settings.get("stored", (0.9, 0.7, 1.6)), settings.get("reader", "SimpleITKIO")
    changes: dict[str, Any] = {}
    if "resampling" in settings:
        for kind, is_seg in (("data", False), ("seg", True)):
            changes[f"resampling_fn_{kind}"] = settings["resampling"]
            changes[f"resampling_fn_{kind}_kwargs"] = {"is_seg": is_seg, "force_separate_z": False}
    plan = folders.plans(
        dims,
        normalization_schemes=["ZScoreNormalization" if scheme == MASKED else scheme for scheme in schemes],
        use_mask_for_norm=[scheme == MASKED for scheme in schemes],
        **changes,
    ) | {
        "image_reader_writer": reader,
        "transpose_forward": transpose,
        "transpose_backward": np.argsort(transpose).tolist(),
        "foreground_intensity_properties_per_channel": {str(channel): folders.INTENSITIES for channel in range(2)},
    }
    described = folders.dataset(channels=len(schemes))
    turn = np.diag([-1, 1, -1]) if reader == "NibabelIOWithReorient" else None
    folders.raw(tmp_path, "a", described, spacing=stored, border=settings.get("border", 0), turn=turn)

    image, mask = nnunets_own(tmp_path, plan, described)
    ours = in_robustq(write(plan, described), tmp_path)
    if dims == 2:  # slices lie along the first axis in nnU-Net, along the last here
        image, mask = image.movedim(1, -1), mask.movedim(1, -1)
    assert ours.image.equal(image)
    for number, label in enumerate(ours.mask, start=1):
        assert label.equal(mask[0] == number)
        assert label.any()
    assert ours.slice_axis == (None if dims == 3 else 2)
    assert ours.spacing[-1 if dims == 3 else -2] == 0.5


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (
            "ZScoreNormalization",
            lambda inside: ((0 - inside.mean()) / inside.std(), (500 - inside.mean()) / inside.std()),
        ),
        ("RescaleTo01Normalization", lambda inside: (0, 500 / inside.max())),  # the region has a hole of 0
        ("NoNormalization", lambda inside: (0, 500)),
        ("CTNormalization", lambda inside: (-140 / 20, 200 / 20)),
    ],
)
def test_the_intensity_range_is_carried_along(write: Any, tmp_path: Path, scheme: str, expected: Any) -> None:
    masked = scheme == "ZScoreNormalization"
    plan = folders.plans(3, normalization_schemes=[scheme], use_mask_for_norm=[masked])
    described = folders.dataset()
    values = folders.raw(tmp_path, "a", described, spacing=(0.5, 0.75, 2.0), border=2)
    preparation = robustq.wrap(f"nnunet:{write(plan, described)}", "none").spec.preparation
    dataset = open_dataset(f"nnunet:{tmp_path},window=0..500")
    inside = values[2:-2, 2:-2, 2:-2].astype(np.float64)
    prepared = preparation(dataset.read(dataset.entries[0]))
    assert prepared.intensity_range[0].tolist() == pytest.approx(expected(inside), rel=1e-5)


def test_a_case_without_a_mask_and_one_of_zeros(write: Any) -> None:
    preparation = robustq.wrap(f"nnunet:{write(folders.plans(3))}", "none").spec.preparation
    stored = Case(noise(1, 6, 7, 8), None, torch.tensor([[0.0, 1.0]]), (0.5, 0.75, 2.0), "mm", Entry("a", "a"))
    assert preparation(stored).mask is None
    with pytest.raises(CaseError, match="0 everywhere"):
        preparation(dataclasses.replace(stored, image=torch.zeros(1, 6, 7, 8)))


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1)])
def test_a_file_of_one_slice_is_prepared_as_nnunet_prepares_it(
    write: Any, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    plan, described = folders.plans(2), folders.dataset()
    values = np.random.default_rng(0).uniform(1, 300, shape).astype(np.float32)
    folders.save(tmp_path, "a", described, [values], (values > 150).astype(np.uint8), np.diag([0.9, 0.7, 5, 1]))
    image, mask = nnunets_own(tmp_path, plan, described)
    ours = in_robustq(write(plan, described), tmp_path)
    assert ours.image.equal(image[:, 0])
    assert ours.mask[0].equal(mask[0, 0] == 1)


def test_plans_that_prepare_cases_by_foreign_functions_are_refused(write: Any) -> None:
    results = write()
    for changes in (
        {"normalization_schemes": ["os.system"]},
        {"preprocessor_name": "os.system"},
        {"resampling_fn_data": "os.system"},
    ):
        edited(results / "plans.json", lambda plan, changes=changes: plan["configurations"]["2d"].update(changes))
        with pytest.raises(RequestError, match=r"prepare cases by os\.system, which is not in nnU-Net"):
            robustq.wrap(f"nnunet:{results}", "16x4")


def test_pictures_have_no_spacing_and_keep_their_axes(write: Any) -> None:
    plan = folders.plans(2, normalization_schemes=["RGBTo01Normalization"], spacing=[1.0, 1.0]) | {
        "image_reader_writer": "NaturalImage2DIO"
    }
    preparation = robustq.wrap(f"nnunet:{write(plan)}", "16x4").spec.preparation
    assert preparation.spacing is None
    image = torch.arange(1.0, 57.0).view(1, 7, 8)
    prepared = preparation(Case(image, None, torch.tensor([[0.0, 255.0]]), (1.0, 1.0), "px", Entry("a", "a")))
    torch.testing.assert_close(prepared.image, image / 255)
    assert prepared.intensity_range.tolist() == [[0.0, 1.0]]
    with pytest.raises(CaseError, match="RGBTo01Normalization refuses the image"):
        preparation(Case(image * 10, None, torch.tensor([[0.0, 1.0]]), (1.0, 1.0), "px", Entry("a", "a")))


def test_plans_of_older_versions_are_read(write: Any) -> None:
    results = write(folders.plans(2, "ResidualEncoderUNet"))
    plan = json.loads((results / "plans.json").read_text())
    configuration = plan["configurations"]["2d"]
    modern = configuration.pop("architecture")["arch_kwargs"]
    configuration |= {
        "UNet_class_name": "ResidualEncoderUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 8,
        "n_conv_per_stage_encoder": modern["n_blocks_per_stage"],
        "n_conv_per_stage_decoder": modern["n_conv_per_stage_decoder"],
        "num_pool_per_axis": [2, 2],
        "pool_op_kernel_sizes": modern["strides"],
        "conv_kernel_sizes": modern["kernel_sizes"],
    }
    (results / "plans.json").write_text(json.dumps(plan))
    from robustq.model.pretrained import open_trained

    arguments = open_trained(f"nnunet:{results}").arguments
    assert arguments["variant"] == "ResidualEncoderUNet"
    # The old format knows a base number of features that doubles.
    assert {**arguments, "features_per_stage": modern["features_per_stage"]} == {
        "variant": "ResidualEncoderUNet"
    } | modern


def test_a_checkpoint_with_logged_numbers_is_loaded_without_running_code(write: Any) -> None:
    results = write()
    with pytest.raises(pickle.UnpicklingError, match="numpy"):
        torch.load(results / "fold_0" / "checkpoint_final.pth", weights_only=True)
    robustq.wrap(f"nnunet:{results}", "16x4")


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("went-off"),))


def test_a_checkpoint_that_would_run_code_is_refused(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = write()
    monkeypatch.chdir(tmp_path)
    file = results / "fold_0" / "checkpoint_final.pth"
    torch.save(torch.load(file, weights_only=False) | {"init_args": Bomb()}, file)
    with pytest.raises(RequestError, match=r"checkpoint_final.pth is not a checkpoint of tensors alone"):
        robustq.wrap(f"nnunet:{results}", "16x4")
    assert not (tmp_path / "went-off").exists()


def edited(file: Path, edit: Any) -> None:
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))


def configured(**changes: Any) -> Any:
    return lambda results: edited(results / "plans.json", lambda plan: plan["configurations"]["2d"].update(changes))


def drawn(**changes: Any) -> Any:
    def edit(plan: dict[str, Any]) -> None:
        plan["configurations"]["2d"]["architecture"]["arch_kwargs"].update(changes)

    return lambda results: edited(results / "plans.json", edit)


def named(network: str) -> Any:
    def edit(plan: dict[str, Any]) -> None:
        plan["configurations"]["2d"]["architecture"]["network_class_name"] = network

    return lambda results: edited(results / "plans.json", edit)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda results: (results / "plans.json").unlink(), "there is no plans.json in"),
        (lambda results: (results / "dataset.json").write_text("{"), "dataset.json is not JSON"),
        (lambda results: (results / "dataset.json").write_text("[]"), "holds no JSON object"),
        (lambda results: edited(results / "dataset.json", lambda it: it.pop("labels")), "is not as nnU-Net writes"),
        (lambda results: shutil.rmtree(results / "fold_0"), "holds no checkpoint_final.pth"),
        (lambda results: shutil.copytree(results / "fold_0", results / "fold_1"), "the networks of fold_0, fold_1"),
        (lambda results: (results / "fold_0/checkpoint_final.pth").write_bytes(b"x"), "checkpoint_final.pth"),
        (lambda results: (results / "fold_0/checkpoint_final.safetensors").touch(), "was trained with a quantiser"),
        (configured(previous_stage="3d_lowres"), "second stage of a cascade"),
        (named("os.system"), "network system, which is not supported: use plans with PlainConvUNet or ResidualEnc"),
        (drawn(nonlin="os.system"), "nonlin='os.system' names no layer"),
        (drawn(nonlin="torch.nn.functional"), "names no layer"),
        (drawn(surprise=1), "PlainConvUNet has no setting surprise: it takes n_stages, features_per_stage"),
        (drawn(strides=[1, 2]), "cannot be built with these settings"),
        (drawn(conv_op="torch.nn.modules.conv.Conv3d"), "does not fit dims=2"),
        (drawn(features_per_stage=[4, 6, 10]), r"has .* of shape .* where this network has"),
        (drawn(n_conv_per_stage=[1, 3, 1]), "is not the checkpoint of the network that its folder describes"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_words(write: Any, spoil: Any, words: str) -> None:
    results = write()
    spoil(results)
    with pytest.raises(RequestError, match=words):
        robustq.wrap(f"nnunet:{results}", "16x4")


def test_a_folder_whose_name_tells_no_configuration_is_refused_where_there_are_several(write: Any) -> None:
    results = write()
    edited(results / "plans.json", lambda plan: plan["configurations"].update(other={"inherits_from": "2d"}))
    moved = results.rename(results.with_name("renamed"))
    assert robustq.wrap(f"nnunet:{moved}", "16x4").spec.dims == 2, "the checkpoint tells it"
    file = moved / "fold_0" / "checkpoint_final.pth"
    torch.save(torch.load(file, weights_only=False) | {"init_args": {}}, file)
    with pytest.raises(RequestError, match="does not end in a configuration of its plans"):
        robustq.wrap(f"nnunet:{moved}", "16x4")


def test_the_folder_of_a_dataset_whose_trainer_is_not_installed_is_read(write: Any, tmp_path: Path) -> None:
    results = write()
    original = built_by_nnunet(results)
    dataset = tmp_path / "Dataset297_TotalSegmentator_total_3mm_1559subj"
    dataset.mkdir()
    trained = results.rename(dataset / "nnUNetTrainer_4000epochs_NoMirroring__nnUNetPlans__2d")
    file = trained / "fold_0" / "checkpoint_final.pth"
    stored = torch.load(file, weights_only=False)
    torch.save(stored | {"trainer_name": "nnUNetTrainer_4000epochs_NoMirroring"}, file)
    images = noise(1, 1, 16, 16)
    for folder in (dataset, trained):
        assert robustq.wrap(f"nnunet:{folder}", "none").eval()(images).equal(original(images))


def test_a_fold_or_a_checkpoint_can_be_named(write: Any) -> None:
    results = write()
    shutil.copytree(results / "fold_0", results / "fold_1")
    for path in ("fold_1", "fold_0/checkpoint_final.pth"):
        assert robustq.wrap(f"nnunet:{results / path}", "16x4").spec.weights


@pytest.mark.parametrize("name", ["nnunet:/nowhere", "unet:/nowhere"])
def test_a_path_that_is_none_or_has_no_reader_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match=r"no folder /nowhere|architecture 'unet' reads no folder"):
        robustq.wrap(name, "16x4")


def test_the_command_line_wraps_a_results_folder(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arch = f"nnunet:{write()}"
    monkeypatch.chdir(tmp_path)
    wrap_command(arch=arch, quantise="16x4")
    told = capsys.readouterr().out
    assert "weights      88 of 88 tensors from checkpoint_final.pth" in told
    assert "preparation  cropped, normalised and resampled by nnU-Net's plan, spacing (0.75, 0.5), patch" in told
    bundle = tmp_path / "nnunet-nnUNetTrainer__nnUNetPlans__2d-vq-16x4.safetensors"
    assert robustq.load(bundle).spec.labels == ("liver", "tumour")
    with pytest.raises(RequestError, match="already says what --classes, --size would say"):
        wrap_command(arch=arch, quantise="16x4", classes=3, size="8x8")


# The trainer.


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> nnUNetTrainer:
    """The trainer as nnU-Net finds it, about to train two iterations."""
    printed = subprocess.run([sys.executable, "-m", "robustq_nnunet"], check=True, capture_output=True, text=True)
    monkeypatch.setenv("nnUNet_extTrainer", printed.stdout.strip())
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "preprocessed"))
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    dims, variant, labels = request.param
    plan, described = folders.plans(dims, variant), folders.dataset(labels)
    folders.preprocess(tmp_path / "preprocessed", plan, described)
    found = recursive_find_trainer_class_by_name("nnUNetTrainerRobustq")
    assert found is nnUNetTrainerRobustq
    monkeypatch.setattr(found, "quantise", "16x4")
    made = found(plan | {"continue_training": False}, folders.CONFIGURATIONS[dims], 0, described, torch.device("cpu"))
    made.num_epochs, made.num_iterations_per_epoch, made.num_val_iterations_per_epoch = 1, 2, 1
    return made


TRAININGS = [(2, "PlainConvUNet", folders.LABELS), (3, "ResidualEncoderUNet", folders.REGIONS)]


@pytest.mark.parametrize("trainer", TRAININGS, indirect=True)
def test_the_trainer_adds_the_quantisers_loss_to_nnunets(trainer: nnUNetTrainer) -> None:
    trainer.initialize()
    trainer.dataloader_train, _ = trainer.get_dataloaders()
    batch = next(trainer.dataloader_train)
    output = trainer.network(batch["data"])
    assert [scores.shape[-1] for scores in output] == [16, 8], "deep supervision is on"
    own = super(nnUNetTrainerRobustq, trainer)._build_loss()(output, batch["target"])
    assert trainer.segmenter.quantiser_loss > 0
    torch.testing.assert_close(trainer.loss(output, batch["target"]), own + trainer.segmenter.quantiser_loss)


@pytest.mark.parametrize("trainer", TRAININGS, indirect=True)
def test_the_trainer_trains_and_leaves_a_bundle_that_nnunet_agrees_with(trainer: nnUNetTrainer) -> None:
    trainer.initialize()
    before = copy.deepcopy(trainer.network.state_dict())
    trainer.run_training()
    moved = [name for name, value in trainer.network.state_dict().items() if not value.equal(before[name])]
    assert {"bottlenecks.0.quantiser.codebook", "bottlenecks.0.project_in.weight"} <= set(moved)

    folder = Path(trainer.output_folder)
    bundle = robustq.load(folder / "checkpoint_final.safetensors")
    assert bundle.spec.labels == (("whole", "tumour") if trainer.label_manager.has_regions else ("liver", "tumour"))
    assert any("trained by nnUNetTrainerRobustq on Dataset999_Tiny, fold 0" in line for line in bundle.spec.status)

    predictor = nnUNetPredictor(device=torch.device("cpu"), verbose=False)
    predictor.initialize_from_trained_model_folder(str(folder.parent), (0,), "checkpoint_final.pth")
    predictor.network.load_state_dict(predictor.list_of_parameters[0])
    images = noise(1, 1, *[16] * bundle.spec.dims)
    with torch.no_grad():
        assert predictor.network.eval()(images).equal(bundle(images))


@pytest.mark.parametrize("trainer", TRAININGS[:1], indirect=True)
def test_deep_supervision_is_switched_inside_the_wrapped_network(trainer: nnUNetTrainer) -> None:
    trainer.initialize()
    trainer.set_deep_supervision_enabled(False)
    assert trainer.network(noise(1, 1, 16, 16)).shape == (1, 3, 16, 16)
    trainer.set_deep_supervision_enabled(True)
    assert len(trainer.network(noise(1, 1, 16, 16))) == 2


@pytest.mark.parametrize("trainer", TRAININGS[:1], indirect=True)
def test_two_trainings_start_from_different_weights(trainer: nnUNetTrainer) -> None:
    arguments = (trainer.plans_manager, trainer.configuration_manager, 1, 3)
    torch.manual_seed(0)
    one, other = (trainer.build_network_architecture(*arguments).quantiser.codebook for _ in range(2))
    assert not one.equal(other)
