"""The images of the worst cases that a stress run keeps: the folder `gallery/`, one file for each case."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from robustq.report.numbers import percent
from robustq.report.page.gallery import Picture
from robustq.results.stress_run import Run
from robustq.whole_file import whole_file

FOLDER = "gallery"

Slices = UInt8[np.ndarray, "n y x"]


@dataclass(frozen=True)
class Kept:
    """What a file says of its case besides the images.

    Attributes:
        case: case id.
        perturbation: name of the perturbation under which its score is lowest.
        level: percent.
        models: names of the models, in the order of the arrays.
        scores: for each model, its score at level 0 and at the level, as printed.
    """

    case: str
    perturbation: str
    level: float
    models: Sequence[str]
    scores: Sequence[Sequence[str]]


def keep_picture(
    directory: Path,
    number: int,
    kept: Kept,
    *,
    clean: Slices,
    truth: Slices,
    perturbed: list[Slices],
    marks: np.ndarray,
) -> None:
    """Write one case into `gallery/`.

    Args:
        directory: the run directory.
        number: place of the case among the worst, from 1; the name of the file, so that no name of a case becomes one.
        kept: what is said of the case.
        clean: the image at level 0.
        truth: the true mask.
        perturbed: for each model, the image that it was shown.
        marks: (M, 2, N, Y, X), for each model its answer at level 0 and at the level.
    """
    with whole_file(directory / FOLDER / f"{number}.npz") as partial, partial.open("wb") as stream:
        np.savez_compressed(
            stream,
            about=np.array(json.dumps(asdict(kept))),
            clean=clean,
            truth=truth,
            perturbed=np.stack(perturbed),
            marks=marks,
        )


def read_gallery(run: Run, *, case_names: bool = True) -> list[Picture]:
    """The pictures in `gallery/` of a run, the worst case first; empty for a run without them.

    Args:
        run: a stress run.
        case_names: whether pictures have the names of cases; otherwise they are numbered.
    """
    files = sorted((run.directory.path / FOLDER).glob("*.npz"), key=lambda file: int(file.stem))
    return [_picture(file, case_names) for file in files]


def _picture(file: Path, case_names: bool) -> Picture:
    with np.load(file, allow_pickle=False) as arrays:
        kept = Kept(**json.loads(str(arrays["about"])))
        return Picture(
            case=kept.case if case_names else f"case {file.stem}",
            about=f"{kept.perturbation} at {percent(kept.level)}",
            clean=arrays["clean"],
            truth=arrays["truth"],
            perturbed=dict(zip(kept.models, arrays["perturbed"], strict=True)),
            marks={model: (pair[0], pair[1]) for model, pair in zip(kept.models, arrays["marks"], strict=True)},
            scores={model: (pair[0], pair[1]) for model, pair in zip(kept.models, kept.scores, strict=True)},
        )
