"""What runs of several training seeds say about architectures, compared with one of them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from robustq.errors import RequestError
from robustq.metric import parse_metric
from robustq.report.architecture_claims_table import architecture_claims_grid as claims_grid
from robustq.report.grid import Grid
from robustq.results.several_runs import architectures, join, sample_text
from robustq.results.stress_run import Run
from robustq.statistics.architecture_claims import claims_about_architectures


def architecture_claims(
    runs: Sequence[Run], baseline: str, metric: str, names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The differences of architectures from a baseline, in one metric, over training seeds and patients.

    Args:
        runs: runs with the same cases, levels and noise.
        baseline: name of the architecture that the others are compared with.
        metric: a metric of all runs.
        names: for the name of each model, the name of its architecture; by default its network and quantiser.

    Raises:
        RequestError: the networks of a training seed were trained on different cases, so they cannot be paired; or as
            `robustq.statistics.claims_about_architectures`.
    """
    rows = join(runs)
    _check_same_training(runs)
    rows = rows[(rows["metric"] == metric) | (rows["status"] == "failed")]
    measure = parse_metric(metric)
    named = architectures(runs) if names is None else names
    averaged = runs[0].without_attacks  # runs that are joined have the same perturbations
    better = measure.higher_is_better
    return claims_about_architectures(rows, named, baseline, averaged=averaged, higher_is_better=better)


def architecture_claims_grid(
    runs: Sequence[Run], baseline: str, metric: str, notes: Sequence[str], names: Mapping[str, str] | None = None
) -> Grid:
    """The claims as a table; arguments as in `architecture_claims`, and `notes` on models and sample."""
    claims, first = architecture_claims(runs, baseline, metric, names), runs[0]
    measure = parse_metric(metric)
    caption = sample_text(runs)
    frame = first.to_frame()
    unit = str(frame.loc[frame["metric"] == metric, "unit"].iloc[0])
    better = measure.higher_is_better
    return claims_grid(claims, metric, unit, caption=caption, higher_is_better=better, notes=notes)


def _check_same_training(runs: Sequence[Run]) -> None:
    """Refuse networks of one training seed that were trained on different cases: nothing pairs them."""
    cases_of: dict[int, tuple[str, frozenset[str]]] = {}
    for run in runs:
        for model in run.models:
            spec = run.spec(model)
            if spec.training is None:
                continue
            cases = frozenset(spec.training.get("training_cases", ()))
            other, other_cases = cases_of.setdefault(spec.seed, (model, cases))
            if cases != other_cases:
                raise RequestError(
                    f"{other} and {model} have the same training seed {spec.seed} and were trained on different cases, "
                    "so they cannot be paired: train them with the same --data, --validation and --split-seed"
                )
