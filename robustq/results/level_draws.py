"""How many draws each level of a stress run has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from robustq.report.numbers import draws_per_level, listed, percent, span
from robustq.request.draws import AUTO, FIRST
from robustq.request.names import transferred
from robustq.results.severity_scale import SeverityScale


@dataclass(frozen=True)
class LevelDraws:
    """The number of draws of each perturbation at each level.

    Attributes:
        numbers: for each perturbation and attack, and each level above 0, the number of draws.
        attacks: those of them that are attacks.
        most: the largest number that `--draws auto` could choose; None if the numbers were asked.
    """

    numbers: Mapping[str, Mapping[float, int]]
    attacks: Sequence[str] = ()
    most: int | None = None

    @classmethod
    def of_run(cls, document: Mapping[str, Any]) -> "LevelDraws":
        """The numbers of a run; those of the first stage where `--draws auto` has not chosen yet.

        Args:
            document: contents of `run.json`.
        """
        asked, chosen = document["asked"], document.get("level_draws", {})
        attacks = asked.get("attacks", {})
        scale = SeverityScale.of_run(document)
        levels = [level for level in (asked["levels"] if scale is None else scale.texts) if level > 0]
        numbers = {}
        for name in asked["perturbations"]:
            draws = attacks.get(name, asked["draws"])
            numbers[name] = {
                level: chosen.get(name, {}).get(str(level), FIRST) if draws == AUTO else draws for level in levels
            }
        return cls(numbers, list(attacks), asked.get("max_draws"))

    @classmethod
    def shared(cls, several: Sequence["LevelDraws"]) -> "LevelDraws":
        """The numbers that all of several runs of the same perturbations and levels have."""
        first = several[0]
        numbers = {
            name: {level: min(draws.numbers[name][level] for draws in several) for level in levels}
            for name, levels in first.numbers.items()
        }
        most = [draws.most for draws in several if draws.most is not None]
        return cls(numbers, first.attacks, min(most, default=None))

    def of_rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of these draws. The transfers of an attack have the draws of the attack."""
        numbers = {(name, level): number for name, levels in self.numbers.items() for level, number in levels.items()}
        for attack in self.attacks:
            for source in frame["model"].unique():
                transfers = transferred(attack, source)
                numbers |= {(transfers, level): number for level, number in self.numbers[attack].items()}
        rows = zip(frame["perturbation"], frame["level"], frame["draw"], strict=True)
        return frame[[draw < numbers.get((name, level), draw + 1) for name, level, draw in rows]]

    @property
    def text(self) -> str:
        """`10 draws per level above 0`, `4 to 37 draws per level above 0`; "" where no level is above 0."""
        of_noise = [levels for name, levels in self.numbers.items() if name not in self.attacks]
        noise = [number for levels in of_noise for number in levels.values()]
        of_attacks = [number for name in self.attacks for number in self.numbers[name].values()]
        # An attack without randomness always has one draw, so the others tell what was asked.
        of_attacks = [number for number in of_attacks if number > 1] or of_attacks[:1]
        return draws_per_level(noise or of_attacks, of_attacks) if noise or of_attacks else ""

    @property
    def notes(self) -> list[str]:
        """A note on the numbers that `--draws auto` chose; none if the numbers were asked."""
        drawn = {name: levels for name, levels in self.numbers.items() if set(levels.values()) != {1}}
        levels = sorted({level for of_level in drawn.values() for level in of_level})
        if self.most is None or not levels:
            return []
        at = {level: [of_level[level] for of_level in drawn.values()] for level in levels}
        chosen = listed([f"{span(at[level])} at {percent(level)}" for level in levels])
        note = (
            f"--draws auto: the number of draws is {chosen}. It is the same for all cases and models, and so large "
            "that the draws add at most 1 % to the variance of a mean over groups"
        )
        capped = [f"{name} at {percent(level)}" for name, of in drawn.items() for level in of if of[level] == self.most]
        if not capped:
            return [f"{note}."]
        return [
            f"{note}, but for {listed(capped)}: {self.most} draws are the most that were allowed, so they may add "
            "more; --max-draws allows a larger number."
        ]
