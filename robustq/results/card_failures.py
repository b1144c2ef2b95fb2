"""What is known to fail in a stress run."""

from typing import Any

import pandas as pd

from robustq.results.overlooked import missed_alerts
from robustq.results.stress_run import Run
from robustq.results.tidy_curves import tidy_curves
from robustq.results.worst_cases import worst_cases

CASES = 6
"""Number of worst cases that a card names."""


def known_failures(run: Run, *, case_names: bool) -> dict[str, Any]:
    """Cases that failed, answers that are missing, structures that are missed or invented, the worst cases.

    Args:
        run: a stress run.
        case_names: whether cases are named.
    """
    failures = run.failures
    table = tidy_curves(run)
    # The worst answers are counted where they were given.
    given = table[~table["perturbation"].isin(run.attacks.competing)]
    of_first = given[(given["label"] == "") & (given["metric"] == run.metrics[0])]
    return {
        "failed_cases": {
            "number": len(failures),
            "cases": [{"case": case, "reason": reason} for case, reason in failures.items()] if case_names else [],
        },
        "no_answer": _counted(of_first, "unanswered"),
        "missed_structures": _counted(of_first, "missed"),
        "invented_structures": [answers._asdict() for answers in run.invented if answers.share > 0],
        "masked_gradients": [suspect._asdict() for suspect in run.masked_gradients()],
        "worst_cases": [
            {
                **worst._asdict(),
                "case": worst.case if case_names else f"case {place}",
                "metric": run.metrics[0],
            }
            for place, worst in enumerate(worst_cases(run, run.to_frame(), CASES), start=1)
        ],
        "notes": [*missed_alerts(run), *run.invented_notes(), *run.attack_notes(), *run.raised_notes()],
    }


def _counted(table: pd.DataFrame, what: str) -> list[dict[str, Any]]:
    """Where a count is above 0: answers of the run's first metric, by model, domain, perturbation and level."""
    if table.empty:
        return []
    rows = table[table[what] > 0]
    keys = ["model", "domain", "perturbation", "level"]
    return [
        {**{key: row[key] for key in keys}, "answers": int(row[what])} for row in rows.to_dict("records")
    ]  # fmt: skip
