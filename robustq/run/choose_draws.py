"""Chooses the number of draws of each level after the first stage of `--draws auto`."""

from collections.abc import Sequence

from robustq.results.directory import RunDirectory
from robustq.statistics.needed_draws import needed_draws


def choose_draws(
    directory: RunDirectory, perturbations: Sequence[str], levels: Sequence[float], *, most: int, stage: int
) -> dict[str, dict[float, int]]:
    """For each perturbation and level above 0, the number of draws; what a run chose before it was killed, stays.

    Args:
        directory: holds the rows of the first stage.
        perturbations: names of the perturbations and attacks whose number is open.
        levels: percent.
        most: largest number of draws.
        stage: number of batches of the first stage.
    """
    document = directory.read()
    if "level_draws" in document:
        return {
            name: {float(level): number for level, number in numbers.items()}
            for name, numbers in document["level_draws"].items()
        }
    frame = directory.rows(before=stage).to_pandas()
    rows = dict(list(frame[frame["metric"] == document["asked"]["metrics"][0]].groupby(["perturbation", "level"])))
    none = frame.iloc[:0]
    return {
        name: {level: needed_draws(rows.get((name, level), none), most) for level in levels if level > 0}
        for name in perturbations
    }
