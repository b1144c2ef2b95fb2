"""What stands in the place of levels in a run whose severity is an image quality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from robustq.report.numbers import count, percent
from robustq.request.severity import Severity, parse_severity

ENTRY = "severity_levels"
"""Entry of run.json: for each perturbation, case and target, the level that was found and the quality there."""

_UNITS = {"ssim": "", "psnr": " dB", "snr": " dB", "dose": ""}


@dataclass(frozen=True)
class SeverityScale:
    """The targets of a run, numbered from the mildest on: 1, 2 and so on. 0 is the unperturbed case.

    Attributes:
        severity: the targets.
        found: the entry `ENTRY` of run.json.
    """

    severity: Severity
    found: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @classmethod
    def of_run(cls, document: Mapping[str, Any]) -> "SeverityScale | None":
        """The targets of a run; None if it was asked for levels.

        Args:
            document: contents of `run.json`.
        """
        text = document["asked"].get("severity")
        return None if text is None else cls(parse_severity(text), document[ENTRY])

    @cached_property
    def _numbers(self) -> dict[str, float]:
        return {"": 0.0} | {name: float(place) for place, name in enumerate(self.severity.names, start=1)}

    @cached_property
    def texts(self) -> dict[float, str]:
        """What a table prints for each number: `0 %`, `ssim 0.9`, `psnr 30 dB`."""
        quality = self.severity.quality
        of_targets = [f"{quality} {target:g}{_UNITS[quality]}" for target in self.severity.targets]
        return {0.0: percent(0)} | {float(place): text for place, text in enumerate(of_targets, start=1)}

    def numbered(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with the number of the target in the place of the level, which differs from case to case."""
        return rows.assign(level=rows["severity"].map(self._numbers))

    @property
    def is_reached(self) -> bool:
        """Whether every case reaches every target."""
        every = [found for cases in self.found.values() for targets in cases.values() for found in targets.values()]
        return all(level is not None for level, _ in every)

    @property
    def notes(self) -> list[str]:
        """Which levels were found, how far the quality is from the target, and how often it is out of reach."""
        notes = [
            f"A column is a target: each case has the level at which the mean {self.severity.quality} of its first 4 "
            "draws is the target."
            if self.severity.quality != "dose"
            else "A column is a share of the dose of the scan: each case has the level of gaussian noise that adds the "
            "variance which this share has over the full dose."
        ]
        for perturbation, cases in self.found.items():
            for place, (name, target) in enumerate(
                zip(self.severity.names, self.severity.targets, strict=True), start=1
            ):
                of_cases = [case[name] for case in cases.values()]
                notes.append(f"{perturbation}, {self.texts[place]}: {_in_words(of_cases, target)}.")
        return notes


def _in_words(pairs: Sequence[Sequence[float | None]], target: float) -> str:
    """What was found for a target: pairs of a level and the quality reached, of each case."""
    levels = [level for level, _ in pairs if level is not None]
    ends = [percent(round(end, 2)) for end in (min(levels), max(levels))] if levels else []
    text = f"levels from {ends[0]} to {ends[1]}" if len(set(ends)) > 1 else f"level {ends[0]}" if ends else "no level"
    missing = len(pairs) - len(levels)
    if missing:
        text += f"; out of reach for {count(missing, 'case')} of {len(pairs)}, which have no rows there"
    differences = [abs(reached - target) for level, reached in pairs if level is not None and reached is not None]
    if differences and max(differences) > 0.01 * abs(target):
        text += f"; the quality differs from the target by up to {max(differences):.2g}, because it changes in steps"
    return text
