"""Prints the summary of the model that robustq wrap made."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from robustq_cli import console

if TYPE_CHECKING:
    from robustq.data.preparation import Preparation
    from robustq.model.describe import Description
    from robustq.model.segmenter import Segmenter
    from robustq.model.spec import Spec
    from robustq.training.calibrate import Calibration


def print_summary(
    model: "Segmenter", anatomy: "Description", target: Path, *, origin: dict[str, str], sized: bool, options: str
) -> None:
    """Print where the network is cut, what the quantiser adds, and what to do next.

    Args:
        model: the model as it was written.
        anatomy: shapes and parameters of the model.
        target: file of the model.
        origin: lines on where weights, preparation and codebook come from, by their first word.
        sized: whether the user gave the size of an image; if not, the size in `anatomy` is an example.
        options: options that the next commands need too, such as " --model-file net.py:make".
    """
    spec = model.spec
    features, embedding = _extents(anatomy.features), _extents(anatomy.embedding)
    searched = {"also possible": ", ".join(site.name for site in model.sites[1:]) or "no other place"}
    lines = {
        "cut at": f"{anatomy.site}, skips {anatomy.skips}" if anatomy.site else "no place: no bottleneck was found",
        **(searched if model.sites else {}),
        "quantiser": str(spec.quantise),
        "image": _extents(anatomy.image) + ("" if sized else " (an example: no --size was given)"),
        "bottleneck": f"{features} -> embedding {embedding}",
        "stride": f"{_extents(anatomy.stride)} (image voxels that a token covers along each axis)",
        "tokens": f"{anatomy.tokens} per {_unit_of_tokens(spec)}",
        "parameters": f"{anatomy.parameters:,}, of which {anatomy.added:,} added by the quantiser and its projections",
        "answer": f"{spec.answer}, {spec.classes} channels -> {', '.join(spec.labels)}",
        **origin,
        "state": "; ".join(spec.status),
        "written": str(target),
        **_next_commands(model, target, options),
    }
    console.print_pairs(lines)


def _unit_of_tokens(spec: "Spec") -> str:
    if spec.preparation.patch is not None:
        return "window"
    return "case, or per slice of a volume" if spec.dims == 2 else "case"


def _next_commands(model: "Segmenter", target: Path, options: str) -> dict[str, str]:
    """The lines on what to do next. A model with trained weights, and a codebook that fits them, can be measured."""
    from robustq.model.spec import GIVEN

    fitted = bool(model.spec.calibration_cases) or not model.bottlenecks
    ready = fitted and model.spec.weights not in ("", GIVEN)
    model_file = shlex.quote(str(target))
    measured = model_file if ready else shlex.quote(f"{target.with_suffix('')}-trained.safetensors")
    stress = f"robustq stress --model {measured}{options} --data DATA --noise gaussian --levels 0,1,10,20,30"
    return {"next": stress} if ready else {"next": f"robustq train {model_file}{options} --data DATA", "then": stress}


def preparation_line(preparation: "Preparation") -> dict[str, str]:
    """The line on how the framework that trained the network prepared its cases."""
    settings = {**preparation.to_dict(), "dims": None, "channels": None, "labels": None}
    if preparation.plan is not None:
        by_plan = {"cropped, normalised and resampled by": "nnU-Net's plan"}
        settings = {**by_plan, **settings, "normalise": None, "plan": None}
    return {"preparation": ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)}


def say_unsaid(folder: str, names: list[str], advice: Mapping[str, str]) -> None:
    """Say which options nobody gave, neither the folder of a trained network nor the user, and what is probable."""
    said = () if "mean_std" in names else ("normalise",)  # --mean-std says it too
    options = [f"--{name}" for name in ("normalise", "labels") if name in names and name not in said]
    if options:
        console.say(f"note: {folder} does not say how its cases were prepared: give {' and '.join(options)} to say it")
    for option in options:
        if (sentence := advice.get(option.removeprefix("--"))) is not None:
            console.say(f"note: {sentence}")


def calibration_lines(calibration: "Calibration") -> dict[str, str]:
    """The lines on the variance that a calibration keeps, and on the Dice before and after."""
    return {
        "calibrated": f"on {calibration.tokens} tokens of {calibration.cases} cases; the projection keeps "
        f"{100 * calibration.explained:.1f} % of the features' variance",
        "Dice": f"{calibration.before:.4f} before, {calibration.after:.4f} quantised, on {calibration.validation} "
        f"other cases; {calibration.codes_in_use} codes in use there",
    }


def _extents(extents: tuple[float, ...]) -> str:
    return " × ".join(f"{extent:g}" for extent in extents)
