"""Searches the minimal levels of several models on the cases of a dataset."""

import os
from collections.abc import Callable

from robustq.attack import AbstractAttack
from robustq.data.open_dataset import Data
from robustq.data.preparation import Preparation
from robustq.draws.by_name import load_one
from robustq.request.levels import HIGHEST
from robustq.results.minimal_levels import MinimalLevels
from robustq.run.batching import check_batch_size
from robustq.run.draw_counts import begun_request, search_draws
from robustq.run.minimal_level import check_search
from robustq.run.minimal_pieces import Searcher
from robustq.run.open_models import Models
from robustq.run.passes import Counting, Passes
from robustq.run.plan import Piece
from robustq.run.progress import Progress
from robustq.run.recording import Recording
from robustq.run.subjects import Subjects


def minimal_levels(
    models: Models | None,
    data: Data | None,
    perturbation: str,
    *,
    threshold: float = 0.5,
    resolution: float = 0.1,
    draws: int | None = None,
    seed: int = 0,
    preparation: Preparation | None = None,
    split: str = "held-out",
    clip: bool = False,
    batch_size: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    executor: str = "local",
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> MinimalLevels:
    """Search the minimal level of every model on every case; see `robustq.minimal_level`.

    Args:
        models: as in `robustq.stress`; None for the bundled demonstration pair.
        data: a dataset or the text of `--data`; None as in `robustq.stress`.
        perturbation: a perturbation, chain or attack by name.
        threshold: Dice, as in `robustq.minimal_level`.
        resolution: percent, as in `robustq.minimal_level`.
        draws: random realisations at each level; by default 10 of a perturbation and 1 of an attack. An attack without
            randomness always has one.
        seed: seed of the run.
        preparation: what is done to a case before plain networks see it; by default data in memory are taken as they
            are. Segmenters and bundles have their own.
        split: which cases are used, as in `robustq.stress`.
        clip: bring perturbed values back into the intensity range.
        batch_size: as in `robustq.minimal_level`; recorded in `minimal.json` if it is given.
        out: the run directory, which may be that of a stress run. A search that was killed there is continued.
            None for a temporary directory, which is removed with the returned result.
        device: device of the models.
        executor: where the batches of pieces are computed, one of `robustq list executors`.
        on_progress: called after each case.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
    """
    check_search(threshold, resolution, draws)
    check_batch_size(batch_size)
    name, opened = load_one(perturbation)
    subjects = Subjects.gather(models, data, split=split, device=device, preparation=preparation)
    recording = Recording.of("minimal", subjects, out=out, executor=executor, on_progress=on_progress)
    begun = begun_request(recording.directory)
    draws = search_draws(draws, opened, begun)
    batch_size = batch_size or begun.get("batch_size")
    asked = {
        "perturbation": name,
        "threshold": threshold,
        "resolution": resolution,
        "draws": draws,
        "seed": seed,
        "split": split,
        "clip": clip,
        # A search of an earlier version has none, and is continued as it began.
        **({} if batch_size is None else {"batch_size": batch_size}),
    }
    batches = [[Piece(entry.id, name, HIGHEST, draws)] for entry in subjects.good]
    settings = {name: asked[name] for name in ("threshold", "resolution", "draws", "seed", "clip")}
    of_attack = Passes(opened.queries, opened.passes) if isinstance(opened, AbstractAttack) else Passes()
    searcher = Searcher(subjects, {**settings, "batch_size": batch_size}, of_attack)
    with recording.begun(asked, batches):
        counting = Counting(searcher.most_passes, len(subjects.models), at_most=True)
        recording.compute(batches, searcher, counting, seed=seed)
        recording.end(len(batches))
        result = MinimalLevels(recording.directory)
        recording.directory.summarise(result.summary())
    return result
