"""Minimal levels of several models on the cases of a dataset."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from robustq.aggregate import describe
from robustq.dataset import AbstractDataset
from robustq.minimal import MinimalLevel, check_search, minimal_level
from robustq.progress import Progress
from robustq.report.grid import Grid
from robustq.report.numbers import median_iqr, percent
from robustq.subjects import Models, Subjects


@dataclass(frozen=True)
class MinimalLevels:
    """What `minimal_levels` returns.

    Attributes:
        rows: model, case, group, and the entries of `MinimalLevel`, one row a model and case.
        asked: perturbation, threshold, resolution, draws, seed, data.
        failures: reason by case id, of the cases that were left out.
    """

    rows: pd.DataFrame
    asked: dict[str, Any]
    failures: dict[str, str]

    def by_group(self) -> pd.DataFrame:
        """Mean level over the cases of each group, a censored case counted as 100."""
        return self.rows.groupby(["model", "group"], sort=False, as_index=False).agg(level=("level", "mean"))

    def grid(self) -> Grid:
        """Median and quartiles over groups, one line a model, and what must be known to read them."""
        lines = []
        for model, part in self.by_group().groupby("model", sort=False):
            found = describe(part["level"].to_numpy(float))
            cases = self.rows[self.rows["model"] == model]
            spread = median_iqr(found.median, found.q1, found.q3, 2)
            lines.append([str(model), spread, str((cases["level"] == 0).sum()), str(cases["censored"].sum())])
        asked = self.asked
        groups = self.rows["group"].nunique()
        title = (
            f"smallest level [%] of {asked['perturbation']} at which Dice falls below {asked['threshold']:g} on "
            f"{asked['data']}: median (quartiles) over {groups} groups"
        )
        notes = [
            f"by bisection to {asked['resolution']:g} percentage points, which takes for granted that mean Dice does "
            f"not rise again with the level; {asked['draws']} draws a level of what is random",
            f"never: cases that are not below even at {percent(100)}, counted as 100, which is the least it can be; at "
            "once: cases that are below without any change, counted as 0",
        ]
        if self.failures:
            notes.append(f"{len(self.failures)} cases are left out")
        return Grid(title, ["model", "level", "at once", "never"], [("", lines)], notes)

    def summary(self) -> dict[str, Any]:
        """All of it as JSON values."""
        models = {
            str(model): describe(part["level"].to_numpy(float))._asdict()
            for model, part in self.by_group().groupby("model", sort=False)
        }
        cases = self.rows.astype(object).to_dict("records")
        return {**self.asked, "models": models, "cases": cases, "failures": self.failures}


def minimal_levels(
    models: Models | None,
    data: AbstractDataset | str,
    perturbation: str,
    *,
    threshold: float = 0.5,
    resolution: float = 0.1,
    draws: int = 10,
    seed: int = 0,
    split: str = "held-out",
    clip: bool = False,
    device: str = "auto",
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> MinimalLevels:
    """Search the minimal level of every model on every case; see `robustq.minimal_level`.

    Args:
        models: as in `robustq.stress`; None for the bundled demonstration pair.
        data: a dataset or the text of `--data`.
        perturbation: a perturbation, chain or attack by name.
        threshold: Dice.
        resolution: percent.
        draws: random realisations a level.
        seed: of the run.
        split: which cases, as in `robustq.stress`.
        clip: bring perturbed values back into the intensity range.
        device: of the models.
        on_progress: told after each case.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
    """
    check_search(threshold, resolution, draws)
    subjects = Subjects.gather(models, data, split=split, device=device)
    failures = dict(subjects.cases.failures)
    rows: list[dict[str, Any]] = []
    for done, entry in enumerate(subjects.good, 1):
        case = subjects.cases(entry)
        counted = case.mask if case.ignored is None else case.mask & ~case.ignored
        if not counted.any():
            failures[entry.id] = "the truth shows no label, so that there is no Dice"
            continue
        for name, model in subjects.models.items():
            found: MinimalLevel = minimal_level(
                model,
                case,
                perturbation,
                threshold=threshold,
                resolution=resolution,
                draws=draws,
                seed=seed,
                clip=clip,
            )
            rows.append({"model": name, "case": entry.id, "group": entry.group, **asdict(found)})
        on_progress(Progress(done, len(subjects.good), 0))
    asked = {
        "perturbation": perturbation,
        "threshold": threshold,
        "resolution": resolution,
        "draws": draws,
        "seed": seed,
        "clip": clip,
        "data": subjects.cases.dataset.name,
    }
    columns = ["model", "case", "group", *MinimalLevel.__dataclass_fields__]
    return MinimalLevels(pd.DataFrame(rows, columns=columns), asked, failures)
