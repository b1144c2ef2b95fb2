"""Times pieces of work in turn, and tells the ratio of ours to a peer's. The scripts of this folder share it.

The machine may do other things, so each round runs every piece of work once, and the ratio is the median of the ratios
of the rounds. Where other programs disturb the clock, the ratio by CPU time is the one to trust. `tell` prints one
line, and `make speed` gathers the lines of all scripts in RESULTS.md.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

ROWS = "ROBUSTQ_SPEED_ROWS"
"""Environment variable with the file to which `tell` appends; `make speed` sets it."""


@dataclass(frozen=True)
class Seconds:
    """What one piece of work took in each round, by the clock and of the processor."""

    wall: list[float]
    cpu: list[float]

    @property
    def median(self) -> float:
        """The median by the clock."""
        return statistics.median(self.wall)


@dataclass(frozen=True)
class Ratio:
    """One time over another.

    Attributes:
        wall: median over rounds, by the clock.
        cpu: median over rounds of the processor's seconds; None where the processor's seconds mean nothing.
        low: smallest ratio of a round, by the clock.
        high: largest.
    """

    wall: float
    cpu: float | None
    low: float
    high: float


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int = 5, warm: int = 1) -> dict[str, Seconds]:
    """The seconds of every piece of work, one after the other in each round.

    Args:
        works: the pieces of work, by name.
        rounds: number of rounds.
        warm: number of rounds before them that do not count.
    """
    seconds = {name: Seconds([], []) for name in works}
    for number in range(warm + rounds):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if number >= warm:
                seconds[name].wall.append(time.perf_counter() - wall)
                seconds[name].cpu.append(time.process_time() - cpu)
    return seconds


def ratio(numerator: Seconds, denominator: Seconds, factor: float = 1.0) -> Ratio:
    """The one over the other, times a factor (for pieces of work of different size)."""
    wall = [factor * a / b for a, b in zip(numerator.wall, denominator.wall, strict=True)]
    cpu = [factor * a / max(b, 1e-9) for a, b in zip(numerator.cpu, denominator.cpu, strict=True)]
    return Ratio(statistics.median(wall), statistics.median(cpu), min(wall), max(wall))


def exact(value: float) -> Ratio:
    """A figure that is not a time, such as a number of passes."""
    return Ratio(value, None, value, value)


def tell(
    question: str,
    against: str,
    found: Ratio,
    *,
    most: float | None = None,
    least: float | None = None,
    note: str = "",
    limit: str = "",
) -> None:
    """Print one line, and append it to the file of `make speed`.

    Args:
        question: what was measured.
        against: what it was compared with.
        found: the ratio.
        most: the target, if the ratio should be no larger.
        least: the target, if it should be no smaller.
        note: a sentence with what the figure does not say, such as sizes.
        limit: a sentence that says why the target is missed; it is told only then.
    """
    target = f"≤ {most:g}" if most is not None else f"≥ {least:g}" if least is not None else ""
    missed = (most is not None and found.wall > most) or (least is not None and found.wall < least)
    note = " ".join(filter(None, (note, limit if missed else "")))
    cpu = "" if found.cpu is None else f", by CPU time {found.cpu:.3g}"
    verdict = f"; target {target}: {'missed' if missed else 'met'}" if target else ""
    print(
        f"{question}, against {against}: {found.wall:.3g}{cpu}, rounds {found.low:.3g} to {found.high:.3g}{verdict}. "
        f"{note}",
        flush=True,
    )
    if ROWS in os.environ:
        row = {"question": question, "against": against, "target": target, "missed": missed, "note": note}
        with open(os.environ[ROWS], "a", encoding="utf-8") as file:
            file.write(json.dumps(row | asdict(found)) + "\n")
