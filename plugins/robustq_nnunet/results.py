"""A results folder of nnU-Net."""

import json
import warnings
from pathlib import Path
from typing import Any

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from robustq.errors import RequestError
from robustq.model.pretrained import Trained
from robustq_nnunet.planned import planned

CHECKPOINT = "checkpoint_final.pth"
BUNDLE = "checkpoint_final.safetensors"
"""Written by the trainer beside nnU-Net's own checkpoint."""


def read_results(path: str) -> Trained:
    """What a results folder says of its network.

    Args:
        path: the folder `TRAINER__PLANS__CONFIGURATION` with plans.json and dataset.json, which may be given as it is
            where it has one fold; or one of its folders `fold_X`; or a checkpoint in there.

    Raises:
        RequestError: files are missing or not usable, the fold is not named, or the configuration is not supported.
    """
    checkpoint = _checkpoint(Path(path))
    root = checkpoint.parent.parent
    bundle = checkpoint.with_name(BUNDLE)
    if bundle.is_file():
        raise RequestError(f"{root.name} was trained quantised, and {bundle} is its bundle: use that as the model")
    plans, dataset = _json(root / "plans.json"), _json(root / "dataset.json")
    name = _configuration(root, plans)
    try:
        with warnings.catch_warnings(action="ignore"):  # plans of older versions are converted, with a warning
            manager = PlansManager(plans)
            configuration = manager.get_configuration(name)
            found = planned(manager, configuration, dataset)
    except RequestError as error:
        raise RequestError(f"{root} cannot be wrapped: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError, RuntimeError, IndexError) as error:
        raise RequestError(
            f"plans.json or dataset.json in {root} is not as nnU-Net writes them: {type(error).__name__} {error}"
        ) from error
    return Trained(
        architecture="nnunet",
        arguments=found.arguments,
        dims=found.dims,
        in_channels=found.in_channels,
        classes=found.classes,
        answer=found.answer,
        preparation=found.preparation,
        checkpoint=checkpoint,
        remarks=found.remarks,
    )


def _checkpoint(given: Path) -> Path:
    if given.is_file():
        return given
    if not given.is_dir():
        raise RequestError(f"no folder {given}: give a results folder of nnU-Net, as in nnunet:FOLDER")
    found = sorted(given.glob(CHECKPOINT)) or sorted(given.glob(f"fold_*/{CHECKPOINT}"))
    if not found:
        raise RequestError(
            f"{given} holds no {CHECKPOINT}, nor does a folder fold_X in it: give a results folder of nnU-Net, or the "
            "checkpoint itself"
        )
    if len(found) > 1:
        folds = ", ".join(file.parent.name for file in found)
        raise RequestError(f"{given} holds the networks of {folds}: name one, as in nnunet:{found[0].parent}")
    return found[0]


def _configuration(root: Path, plans: dict[str, Any]) -> str:
    known = list(plans.get("configurations") or [])
    name = root.resolve().name.rpartition("__")[2]
    if name in known:
        return name
    if len(known) == 1:
        return str(known[0])
    raise RequestError(
        f"the folder {root.name} does not end in a configuration of its plans ({', '.join(known) or 'none'}): name it "
        "as nnU-Net does, TRAINER__PLANS__CONFIGURATION"
    )


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise RequestError(f"no {file.name} in {file.parent}: give the results folder as nnU-Net wrote it")
    try:
        document = json.loads(file.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{file} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise RequestError(f"{file} is not as nnU-Net writes it: it holds no object")
    return document
