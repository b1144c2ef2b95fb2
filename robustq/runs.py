"""Several runs as one table of rows."""

from collections.abc import Sequence

import pandas as pd

from robustq.errors import RequestError
from robustq.run import Run

_SHARED = ("seed", "draws", "levels", "perturbations", "missing", "clip", "noise_device", "data")


def join(runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of all runs.

    Raises:
        RequestError: their cases, noise or levels differ, so that their rows cannot be paired.
    """
    first, *others = runs
    for other in others:
        for setting in _SHARED:
            one, two = _shown(first, setting), _shown(other, setting)
            if one != two:
                raise RequestError(
                    f"{first.directory.path} and {other.directory.path} differ in {setting} ({one} against {two}), so "
                    "their rows cannot be paired: stress the models with the same settings"
                )
    return pd.concat([run.to_frame() for run in runs], ignore_index=True)


def _shown(run: Run, setting: str) -> object:
    if setting != "data":
        return run.asked[setting]
    cases = run.asked["data"]["cases"]
    return f"{len(cases)} cases, {cases[0]['id']} ({cases[0]['fingerprint']}) to {cases[-1]['id']}", hash(
        tuple(case["fingerprint"] for case in cases)
    )


def architectures(runs: Sequence[Run]) -> dict[str, str]:
    """Model -> what it is an instance of: its architecture and its quantiser."""
    return {
        model: f"{run.spec(model).architecture or 'network'} {run.spec(model).quantise}"
        for run in runs
        for model in run.models
    }
