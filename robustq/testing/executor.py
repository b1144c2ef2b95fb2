"""A check that an executor keeps its contract, for the tests of any project."""

from robustq.executor import AbstractExecutor


def check_executor(executor: AbstractExecutor) -> None:
    """Check what `AbstractExecutor` promises.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(executor).__name__
    batches = {number: list(range(number)) for number in (3, 1, 4, 0, 5)}
    results = list(executor.results(sum, batches))
    assert len(results) == len(batches), f"{name} gives {len(results)} results for {len(batches)} batches"
    expected = {number: sum(batch) for number, batch in batches.items()}
    assert dict(results) == expected, f"{name} gives {dict(results)}, and the work gives {expected}"
    assert list(executor.results(sum, {})) == [], f"{name} gives results for no batches"
    raised: Exception | None = None
    try:
        list(executor.results(_fail, {0: 1, 1: 2}))
    except Exception as error:
        raised = error
    assert type(raised) is ArithmeticError, (
        f"{name} hides the error of the work: it raises {raised!r} instead of ArithmeticError"
    )


def _fail(batch: int) -> int:
    raise ArithmeticError(f"batch {batch} fails")
