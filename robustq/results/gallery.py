"""The images of the worst cases that a stress run keeps: the folder `gallery/`, one file for each case."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import UInt8

from robustq.report.level_pictures import LevelPictures
from robustq.report.numbers import percent
from robustq.report.page.gallery import AGREES, CONFUSED, INVENTED, MISSED, Picture
from robustq.results.stress_run import Run
from robustq.storage.run_path import RunPath, readable
from robustq.whole_file import whole_file

FOLDER = "gallery"

STACKS = ("level_images", "level_truths", "level_answers")
"""Arrays (M, V, Y, X) of one slice: for each model and level, the image, the true labels and those of the answer."""

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
        levels: all levels, in percent; empty in a run of an earlier version, which kept level 0 and this one alone.
        level_scores: for each model, its score at each of the levels.
    """

    case: str
    perturbation: str
    level: float
    models: Sequence[str]
    scores: Sequence[Sequence[str]]
    levels: Sequence[float] = ()
    level_scores: Sequence[Sequence[str]] = ()


def keep_picture(
    directory: RunPath,
    number: int,
    kept: Kept,
    *,
    clean: Slices,
    truth: Slices,
    perturbed: list[Slices],
    marks: np.ndarray,
    stacks: Mapping[str, np.ndarray],
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
        stacks: the arrays of `STACKS`, of the slice with most truth.
    """
    # Noise hardly compresses, so images that all models were shown are kept once.
    first, *others = stacks["level_images"]
    shared = all(np.array_equal(first, other) for other in others)
    with whole_file(directory / FOLDER / f"{number}.npz") as partial, partial.open("wb") as stream:
        np.savez_compressed(
            stream,
            about=np.array(json.dumps(asdict(kept))),
            clean=clean,
            truth=truth,
            perturbed=np.stack(perturbed),
            marks=marks,
            level_images=first[None] if shared else stacks["level_images"],
            level_truths=stacks["level_truths"],
            level_answers=stacks["level_answers"],
        )


def read_gallery(run: Run, *, case_names: bool = True) -> list[Picture]:
    """The pictures in `gallery/` of a run, the worst case first; empty for a run without them.

    Args:
        run: a stress run.
        case_names: whether pictures have the names of cases; otherwise they are numbered.
    """
    return [_picture(file, case_names) for file in _files(run)]


def read_level_pictures(run: Run) -> list[LevelPictures]:
    """One slice of each picture in `gallery/`, at every level; the worst case first.

    Of a run of an earlier version these are level 0 and the highest one, with all labels as one.
    """
    return [_level_pictures(file) for file in _files(run)]


def _files(run: Run) -> list[RunPath]:
    return sorted((run.directory.path / FOLDER).glob("*.npz"), key=lambda file: int(file.stem))


def _picture(file: RunPath, case_names: bool) -> Picture:
    with np.load(readable(file), allow_pickle=False) as arrays:
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


def _level_pictures(file: RunPath) -> LevelPictures:
    with np.load(readable(file), allow_pickle=False) as arrays:
        kept = Kept(**json.loads(str(arrays["about"])))
        count = len(kept.models)
        if kept.levels:
            levels, scores = kept.levels, kept.level_scores
            images, truths, answers = (arrays[name] for name in STACKS)
            images = np.broadcast_to(images, (count, *images.shape[1:]))
        else:
            levels, scores = (0.0, kept.level), kept.scores
            fullest = int((arrays["truth"] > 0).sum((1, 2)).argmax())
            marks = arrays["marks"][:, :, fullest]
            images = np.stack([np.stack([arrays["clean"][fullest], own[fullest]]) for own in arrays["perturbed"]])
            truths = np.isin(marks, (AGREES, MISSED, CONFUSED)).astype(np.uint8)
            answers = np.isin(marks, (AGREES, INVENTED, CONFUSED)).astype(np.uint8)
        of_models = (dict(zip(kept.models, part, strict=True)) for part in (images, truths, answers, scores))
        return LevelPictures(kept.case, kept.perturbation, levels, *of_models)
