"""Reads a results folder of nnU-Net."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from robustq.errors import RequestError
from robustq.model.pretrained import Trained, read_json
from robustq.network.checkpoint import read_checkpoint
from robustq_nnunet.planned import planned

CHECKPOINT = "checkpoint_final.pth"
BUNDLE = "checkpoint_final.safetensors"
"""Name of the bundle that the trainer writes next to nnU-Net's own checkpoint."""


def read_results(path: str) -> Trained:
    """Read the trained network of a results folder.

    Args:
        path: path of the folder `TRAINER__PLANS__CONFIGURATION` with plans.json and dataset.json, if it has only one
            fold; or of one of its folders `fold_X`; or of a checkpoint in such a folder; or of a folder DatasetXXX_NAME
            that holds one such folder. The trainer named there need not be installed.

    Raises:
        RequestError: files are missing or cannot be used, there are several folds, or the configuration is not
            supported.
    """
    checkpoint = _checkpoint(Path(path))
    root = checkpoint.parent.parent
    bundle = checkpoint.with_name(BUNDLE)
    if bundle.is_file():
        raise RequestError(
            f"{root.name} was trained with a quantiser, and {bundle} is its bundle: use this file as the model"
        )
    plans, dataset = read_json(root / "plans.json", "nnU-Net"), read_json(root / "dataset.json", "nnU-Net")
    name = _configuration(root, checkpoint, plans)
    try:
        with warnings.catch_warnings(action="ignore"):  # nnU-Net converts plans of older versions with a warning
            manager = PlansManager(plans)
            configuration = manager.get_configuration(name)
            translated = planned(manager, configuration, dataset)
    except RequestError as error:
        raise RequestError(f"{root} cannot be wrapped: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError, RuntimeError, IndexError) as error:
        raise RequestError(
            f"plans.json or dataset.json in {root} is not as nnU-Net writes them: {type(error).__name__} {error}"
        ) from error
    return Trained(
        architecture="nnunet",
        arguments=translated.arguments,
        dims=translated.dims,
        in_channels=translated.in_channels,
        classes=translated.classes,
        answer=translated.answer,
        preparation=translated.preparation,
        checkpoint=checkpoint,
        remarks=translated.remarks,
    )


def _checkpoint(given: Path) -> Path:
    if given.is_file():
        return given
    if not given.is_dir():
        raise RequestError(f"there is no folder {given}: give a results folder of nnU-Net, as in nnunet:FOLDER")
    levels = (CHECKPOINT, f"fold_*/{CHECKPOINT}", f"*/fold_*/{CHECKPOINT}")  # of a fold, a configuration, a dataset
    checkpoints = next((files for level in levels if (files := sorted(given.glob(level)))), [])
    if not checkpoints:
        raise RequestError(
            f"{given} holds no {CHECKPOINT}, nor does a folder fold_X in it: give a results folder of nnU-Net, or the "
            "checkpoint itself"
        )
    if len(checkpoints) > 1:
        folds = ", ".join(str(file.parent.relative_to(given)) for file in checkpoints)
        raise RequestError(f"{given} holds the networks of {folds}: name one, as in nnunet:{checkpoints[0].parent}")
    return checkpoints[0]


def _configuration(root: Path, checkpoint: Path, plans: dict[str, Any]) -> str:
    names = list(plans.get("configurations") or [])
    name = root.resolve().name.rpartition("__")[2]
    if name in names:
        return name
    if len(names) == 1:
        return str(names[0])
    stored = read_checkpoint(checkpoint)  # a folder that was renamed
    init = stored.get("init_args") if isinstance(stored, Mapping) else None
    if isinstance(init, Mapping) and init.get("configuration") in names:
        return str(init["configuration"])
    raise RequestError(
        f"the name of the folder {root.name} does not end in a configuration of its plans "
        f"({', '.join(names) or 'none'}): rename it as nnU-Net does, TRAINER__PLANS__CONFIGURATION"
    )
