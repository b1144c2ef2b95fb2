"""A row: one measured value, with what it was measured on."""

from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa

from robustq.dataset import AbstractDataset, Entry
from robustq.model.segmenter import Segmenter
from robustq.request.names import CLEAN

NO_ANSWER = "no-answer"
"""Status of a row whose model answered with NaN or infinity: its value is None."""

SMALLER = "computed in batches of "
"""How the reason of a row begins whose batch did not fit in memory."""

FIGURE = "figure"
"""Status of a row that only a figure needs."""


@dataclass(frozen=True)
class Row:
    """One measured value of one label of one case, from one model, under one draw of one perturbation.

    Attributes:
        model: name of the model in this run.
        dataset: name of the dataset.
        domain: scanner or hospital, "" where unknown.
        case: case id.
        group: patient.
        perturbation: canonical name of the perturbation; "clean" if the row belongs to none.
        level: percent.
        parameters: parameters that follow from the level, as JSON.
        draw: number of the draw; 0 at level 0; None for a value measured over all draws.
        seed: seed of the draw's generator; None at level 0, where nothing is drawn.
        training_seed: training seed of the model; None if it is untrained.
        label: name of the label; for `code_usage`, the number of the code.
        metric: text of the metric (dice, hd95, nsd@2mm, ...); `invented` and `invented_volume` for labels that the
            truth does not show; in a run without labels `agreement_dice` and so on, `volume_change`, `appeared` for
            labels that the clean answer lacks, and `alive`; `ssim`, `psnr` and `snr` of a draw, without a model unless
            an attack made it; `code_usage`, how often the tokens of the clean case chose
            a code; `minimal_level`, in percent.
        value: the measured value; None where there is none.
        unit: unit of the value, "" if it has none.
        status: "ok"; "missed" if the label is in the truth and not in the answer; "no-answer" if the model's answer
            holds NaN or infinity; "failed" for a case that could not be used; "figure" for a value that only a figure
            needs, which is part of no mean and no table.
        reason: why the case failed, or why there is no value; in an analysis also the verdict on a model, in words.
        severity: the image quality that the level was chosen for, such as `ssim:0.9`; "" where levels were asked for.
    """

    model: str
    dataset: str
    domain: str
    case: str
    group: str
    perturbation: str
    level: float
    parameters: str
    draw: int | None
    seed: int | None
    training_seed: int | None
    label: str
    metric: str
    value: float | None
    unit: str = ""
    status: str = "ok"
    reason: str = ""
    severity: str = ""


_TYPES = {str: pa.string(), float: pa.float64(), int: pa.int64(), int | None: pa.int64(), float | None: pa.float64()}
SCHEMA = pa.schema([(field.name, _TYPES[field.type]) for field in fields(Row)])  # type: ignore[index]


def to_table(rows: list[Row]) -> pa.Table:
    """The rows as an Arrow table of `SCHEMA`."""
    return pa.table({name: [getattr(row, name) for row in rows] for name in SCHEMA.names}, schema=SCHEMA)


def blank_row(dataset: AbstractDataset, entry: Entry | None) -> Row:
    """A row of a clean case without model, metric and value; without `entry`, a row of the whole dataset."""
    return Row(
        model="",
        dataset=dataset.name,
        domain="" if entry is None else entry.domain,
        case="" if entry is None else entry.id,
        group="" if entry is None else entry.group,
        perturbation=CLEAN,
        level=0.0,
        parameters="{}",
        draw=0,
        seed=None,
        training_seed=None,
        label="",
        metric="",
        value=None,
    )


def of_model(name: str, model: Segmenter) -> dict[str, Any]:
    """The columns of a row that identify its model: its name in the run, and its training seed if it is trained."""
    return {"model": name, "training_seed": model.spec.training_seed}
