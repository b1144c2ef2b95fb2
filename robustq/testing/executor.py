"""The contract of an executor as a check that a stranger's tests can run."""

from robustq.executor import AbstractExecutor


def check_executor(executor: AbstractExecutor) -> None:
    """Check what `AbstractExecutor` promises.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(executor).__name__
    batches = {number: list(range(number)) for number in (3, 1, 4, 0, 5)}
    given = list(executor.results(sum, batches))
    assert len(given) == len(batches), f"{name} gives {len(given)} results for {len(batches)} batches"
    expected = {number: sum(batch) for number, batch in batches.items()}
    assert dict(given) == expected, f"{name} gives other results than the work does, or under other numbers"
    assert list(executor.results(sum, {})) == [], f"{name} gives results where there is no batch"
    raised: Exception | None = None
    try:
        list(executor.results(_fail, {0: 1, 1: 2}))
    except Exception as error:
        raised = error
    assert type(raised) is ArithmeticError, f"{name} hides what the work raises: {raised!r} instead of ArithmeticError"


def _fail(batch: int) -> int:
    raise ArithmeticError(f"batch {batch} fails")
