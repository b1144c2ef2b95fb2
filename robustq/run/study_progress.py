"""Where a study stands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StudyProgress:
    """Where a study stands, when everything computed is written.

    Attributes:
        done: number of steps that are done.
        total: number of all steps: trainings, stress runs, analyses and the table of domains.
        step: the step in hand, in words.
        part: how far the step in hand is.
        parts: the whole of `part`, 0 if it is not known: epochs of a training, pieces of a run.
    """

    done: int
    total: int
    step: str
    part: int = 0
    parts: int = 0
