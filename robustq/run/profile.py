"""Where the time of a run went, and how long its bare passes take."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from robustq.results.rows import Row

STAGES = ("read", "prepare", "trial", "perturb", "forward", "score", "write")
"""The stages of a run. The passes with gradient that an attack makes are part of `perturb`."""


class Computed(NamedTuple):
    """What an executor gives for a batch.

    Attributes:
        rows: the rows.
        seconds: the time of each stage.
        process: id of the process that computed.
    """

    rows: list[Row]
    seconds: Mapping[str, float]
    process: int


@dataclass(frozen=True)
class Profile:
    """Where the time of a run went.

    Attributes:
        seconds: seconds of each stage, the sum over all processes.
        wall: seconds from the first case that was read to the last row.
        processes: number of processes that computed.
        passes: number of passes without gradient that this command made, for all models.
        bare: seconds that these passes take alone, in one process; NaN where they were not measured.
    """

    seconds: Mapping[str, float]
    wall: float
    processes: int
    passes: int
    bare: float = math.nan

    def __str__(self) -> str:
        """One line for each stage, the share of all processes' time beside it; at the end the bare passes."""
        total = self.wall * self.processes
        idle = max(0.0, total - sum(self.seconds.values()))
        seconds = {**{stage: self.seconds.get(stage, 0.0) for stage in STAGES}, "idle": idle}
        together = f" by the clock; below, {self.processes} processes added up" if self.processes > 1 else ""
        return "\n".join(
            [
                f"Where the time went ({self.wall:.2f} s{together}):",
                *(f"  {stage:<8}{spent:10.2f} s{spent / total:8.1%}" for stage, spent in seconds.items()),
                f"The limit: the {self.passes} passes alone take {self.bare:.2f} s in one process.",
            ]
        )


@dataclass
class Spent:
    """Gathers where the time of a run goes, while it goes."""

    seconds: dict[str, float] = field(default_factory=dict)
    processes: set[int] = field(default_factory=set)
    passes: int = 0

    def add_batch(self, computed: Computed, passes: int) -> None:
        """Add a batch, and the number of its passes without gradient."""
        self.add(computed.seconds)
        self.processes.add(computed.process)
        self.passes += passes

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add the seconds of some stages."""
        for stage, more in seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + more

    def profile(self, wall: float) -> Profile:
        """The profile of a run that has taken so many seconds."""
        others = len(self.processes - {os.getpid()})
        return Profile(dict(self.seconds), wall, max(1, others), self.passes)
