"""Where a run stands, and the executor that computes it."""

from dataclasses import dataclass, field

from robustq import registry
from robustq.executor import AbstractExecutor
from robustq.run.passes import Work


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        done: number of pieces whose rows are written.
        total: number of all pieces.
        resumed: number of pieces that an earlier, killed run had written; they are counted in `done`.
        work: what the run has to do in all; None in its first seconds, when the time cannot be estimated yet.
    """

    done: int
    total: int
    resumed: int
    work: Work | None = field(default=None, compare=False)


def open_executor(text: str) -> AbstractExecutor:
    """The executor for a text of `--executor`, such as "local", or `NAME:SETTING`.

    Raises:
        RequestError: no executor has this name, or the executor does not accept the setting.
    """
    name, _, setting = text.partition(":")
    executor: AbstractExecutor = registry.load("executors", name).parse(setting)
    return executor
