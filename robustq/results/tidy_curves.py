"""Every figure of a stress run as one tidy table: a row for each curve and level, a column for each number."""

import pandas as pd

from robustq.metric import parse_metric
from robustq.results.stress_run import Run
from robustq.statistics import curve_intervals, group_means
from robustq.statistics.over_perturbations import over_perturbations

LEADING = ("model", "training_seed", "domain", "perturbation", "level", "metric", "unit", "label")
"""The columns that say what a row is about; the columns after them are numbers."""


def tidy_curves(run: Run) -> pd.DataFrame:
    """Means with intervals for each metric, domain, label, model, perturbation and level.

    The perturbation "all" stands for the mean over several, "worst" for each image's worst answer to the attacks.

    Returns:
        The columns of `LEADING`, then those that `robustq.statistics.curve_intervals` adds. `domain` is "" if the run
        does not keep domains apart; `label` is "" for the mean over the labels of a case.
    """
    frame, tables = run.by_level(), []
    names: list[str | None] = [*run.domains.told_apart] or [None]
    for domain in names:
        rows = frame if domain is None else frame[frame["domain"] == domain]
        for metric in run.metrics:
            measure = parse_metric(metric)
            of_metric = rows[rows["metric"] == metric]
            for by_label in (False, True):
                if of_metric.empty or (by_label and of_metric["label"].nunique() < 2):
                    continue
                means = group_means(of_metric, by_label=by_label)
                means = pd.concat([means, over_perturbations(means, run.averaged)], ignore_index=True)
                if run.attacks.competing:
                    worst = run.attacks.worst_means(rows, metric, by_label=by_label)
                    means = pd.concat([means, worst], ignore_index=True)
                table = curve_intervals(means, higher_is_better=measure.higher_is_better)
                new = {"domain": domain or ""} | ({} if by_label else {"label": ""})
                tables.append(table.assign(**new))
    if run.agreement is not None and len(run.agreement.changes):
        tables.append(run.agreement.changes)
    if not tables:
        return pd.DataFrame(columns=list(LEADING))
    whole = pd.concat(tables, ignore_index=True)
    return whole[[*LEADING, *(name for name in whole.columns if name not in LEADING)]]
