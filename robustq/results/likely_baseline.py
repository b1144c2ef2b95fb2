"""Chooses the model that the others are compared with, where nobody named one."""

from collections.abc import Sequence

from robustq.errors import RequestError
from robustq.results.stress_run import Run


def likely_baseline(runs: Sequence[Run]) -> str | None:
    """The first matched baseline (`identity:D`), else the first model without a codebook, else the first model.

    None if there is a single model.
    """
    models = [(model, run) for run in runs for model in run.models]
    if len(models) < 2:
        return None
    plain = [(model, run) for model, run in models if run.codes()[model].used is None]
    matched = [(model, run) for model, run in plain if run.spec(model).quantise.name != "none"]
    return next(iter([*matched, *plain, *models]))[0]


def baseline_of(run: Run, named: str | None) -> str:
    """The model of a run that the others are compared with: the named one, else the likely baseline.

    Raises:
        RequestError: the run has a single model.
    """
    baseline = named or likely_baseline([run])
    if baseline is None:
        raise RequestError(
            f"{run.directory.path} has a single model, so there is nothing to compare: stress it in one run with its "
            "baseline, or give several runs to robustq compare"
        )
    return baseline
