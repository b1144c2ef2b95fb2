"""What nnU-Net writes, made small: plans, a preprocessed dataset, and the results of one of its trainers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

pytest.importorskip("nnunetv2", reason="nnU-Net is not installed: pip install 'robustq[nnunet]'")

from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

DATASET = "Dataset999_Tiny"
CONFIGURATIONS = {2: "2d", 3: "3d_fullres"}
LABELS = {"background": 0, "liver": 1, "tumour": 2}
REGIONS = {"background": 0, "whole": [1, 2], "tumour": 2}
INTENSITIES = {"mean": 40.0, "std": 20.0, "percentile_00_5": -100.0, "percentile_99_5": 240.0, "median": 41.0}


def plans(dims: int, variant: str = "PlainConvUNet", **changes: Any) -> dict[str, Any]:
    """As `nnUNetv2_plan_experiment` writes them, with one configuration; `changes` go into it."""
    blocks = "n_conv_per_stage" if variant == "PlainConvUNet" else "n_blocks_per_stage"
    configuration = {
        "data_identifier": f"nnUNetPlans_{CONFIGURATIONS[dims]}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [16] * dims,
        "median_image_size_in_voxels": [20.0] * dims,
        "spacing": [2.0, 0.75, 0.5][-dims:],
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
        "architecture": {
            "network_class_name": f"dynamic_network_architectures.architectures.unet.{variant}",
            "arch_kwargs": {
                "n_stages": 3,
                "features_per_stage": [4, 6, 8],
                "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
                "kernel_sizes": [[3] * dims] * 3,
                "strides": [[1] * dims, [2] * dims, [1] * (dims - 2) + [2, 2]],
                blocks: [1, 2, 1],
                "n_conv_per_stage_decoder": [1, 1],
                "conv_bias": True,
                "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": dims == 2,
    }
    return {
        "dataset_name": DATASET,
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [2.0, 0.75, 0.5],
        "original_median_shape_after_transp": [20, 20, 20],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {CONFIGURATIONS[dims]: configuration | changes},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": INTENSITIES},
    }


def dataset(labels: dict[str, Any] = LABELS, channels: int = 1) -> dict[str, Any]:
    """dataset.json."""
    described: dict[str, Any] = {
        "channel_names": {str(channel): "CT" for channel in range(channels)},
        "labels": labels,
        "numTraining": 3,
        "file_ending": ".nii.gz",
    }
    regions = any(isinstance(value, list) for value in labels.values())
    return described | ({"regions_class_order": [1, 2]} if regions else {})


def labelled(shape: Sequence[int]) -> np.ndarray:
    """The mask of a liver that fills most of a volume, with a tumour in its middle."""
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, extent) for extent in shape], indexing="ij"))
    distance = (at**2).sum(0)
    return (distance < 0.7).astype(np.uint8) + (distance < 0.15)


def preprocess(root: Path, plan: dict[str, Any], described: dict[str, Any]) -> None:
    """Three preprocessed cases in the folder of nnUNet_preprocessed."""
    (name,) = plan["configurations"]
    folder = root / DATASET / plan["configurations"][name]["data_identifier"]
    folder.mkdir(parents=True)
    cases = [f"case_{number}" for number in range(3)]
    for number, case in enumerate(cases):
        generator = np.random.default_rng(number)
        mask = labelled((20, 20, 20))[None].astype(np.int16)
        image = mask + 0.1 * generator.standard_normal(mask.shape)
        image = ((image - image.mean()) / image.std()).astype(np.float32)
        places = {value: np.argwhere(mask == value) for value in (1, 2)} | {(1, 2): np.argwhere(mask > 0)}
        nnUNetDatasetBlosc2.save_case(image, mask, {"class_locations": places}, str(folder / case))
    for file, document in {
        "nnUNetPlans.json": plan,
        "dataset.json": described,
        "dataset_fingerprint.json": {},
        "splits_final.json": [{"train": cases[:2], "val": cases[2:]}],
    }.items():
        (root / DATASET / file).write_text(json.dumps(document))


def raw(
    root: Path,
    case: str,
    described: dict[str, Any],
    *,
    spacing: Sequence[float],
    border: int = 0,
    shape: Sequence[int] = (13, 12, 9),
    turn: np.ndarray | None = None,
) -> np.ndarray:
    """Files of a raw case, in a border of zeros; its first channel."""
    generator = np.random.default_rng(0)
    mask = labelled(shape)
    channels = []
    for _ in described["channel_names"]:
        values = 100 + 100 * mask + generator.normal(0, 10, shape)
        values[1, 1, 1] = 0  # inside the region, which has its holes filled
        channels.append(np.pad(values, border).astype(np.float32))
    affine = np.eye(4)
    affine[:3, :3] = np.diag(spacing) if turn is None else turn @ np.diag(spacing)
    save(root, case, described, channels, np.pad(mask, border), affine)
    return channels[0]


def save(
    root: Path,
    case: str,
    described: dict[str, Any],
    channels: Sequence[np.ndarray],
    mask: np.ndarray,
    affine: np.ndarray,
) -> None:
    """The files of a raw case and dataset.json."""
    (root / "dataset.json").write_text(json.dumps(described))
    images = {f"imagesTr/{case}_{number:04}": values for number, values in enumerate(channels)}
    for name, array in {**images, f"labelsTr/{case}": mask}.items():
        image = nibabel.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        (root / name).parent.mkdir(exist_ok=True)
        nibabel.save(image, root / f"{name}.nii.gz")


def results(
    root: Path, plan: dict[str, Any], described: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, steps: int = 0
) -> Path:
    """The results folder of nnU-Net's own trainer, with a checkpoint that the trainer wrote itself; fold 0.

    Its weights are fresh, or trained for some steps.
    """
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setenv("nnUNet_results", str(root))
    monkeypatch.setenv("nnUNet_preprocessed", str(root / "preprocessed"))
    preprocess(root / "preprocessed", plan, described)
    (name,) = plan["configurations"]
    torch.manual_seed(0)
    trainer = nnUNetTrainer(plan | {"continue_training": False}, name, 0, described, torch.device("cpu"))
    trainer.initial_lr = 0.05  # with which few steps suffice
    trainer.initialize()
    if steps:
        trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, steps, 1
        trainer.run_training()
    # What a trainer logs after an epoch, as NumPy's numbers.
    trainer._best_ema = np.float64(0.7)
    for key in ("train_losses", "val_losses", "mean_fg_dice", "lrs"):
        trainer.logger.log(key, np.float32(0.5) if key == "val_losses" else np.mean([0.5, 0.6]), 0)
    folder = Path(trainer.output_folder)
    trainer.save_checkpoint(str(folder / "checkpoint_final.pth"))
    (folder.parent / "plans.json").write_text(json.dumps(plan))
    (folder.parent / "dataset.json").write_text(json.dumps(described))
    return folder.parent
