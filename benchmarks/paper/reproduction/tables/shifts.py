"""Table 2: Dice and HD95 in and across domains."""

import math
from dataclasses import replace

from reproduction.line import Form, Line, Value, interval, paper_value, two_digits, with_spread
from reproduction.ours import Ours
from reproduction.published_figures import number_of, printed
from reproduction.table import Table
from robustq.report.numbers import number
from robustq.report.shift_table import ShiftLine

_SETS = (("JSRT", "NIH"), ("BMC", "RUNMC"))

_METRICS = {"dice": ("Dice", 1, number), "hd95": ("HD95", -1, two_digits)}
"""For each metric: its name, 1 if a larger value is better and -1 if a smaller one is, and how it is printed."""


def shifts(ours: Ours) -> Table:
    """Each model on the validation set of its own domain, on the other domain, and what it loses between them."""
    lines: list[Line] = []
    drops: list[Line] = []
    for metric, (name, sign, form) in _METRICS.items():
        measured = _measured(ours, metric)
        for train, test in _pairs():
            where = (
                f"{ours.section(train)} to {ours.section(test)}" if train != test else f"{ours.section(train)} alone"
            )
            for role in ours.roles:
                home, away = (number_of(_printed(metric, train, domain, role)) for domain in (train, test))
                line = measured.get((role, ours.domain(train), ours.domain(test)))
                paper = paper_value(_printed(metric, train, test, role))
                lines.append(Line(f"{name}: {where}", role, "mean", paper, _mean(line, form)))
                if train != test:
                    drop = sign * (home - away)
                    lost = Value() if math.isnan(drop) else Value(form(drop), drop)
                    lines.append(Line(f"{name}: {where}", role, "drop", lost, _drop(line, form)))
                    drops.append(replace(lines[-1], section=f"drop in {name}", what=where))
    notes = [
        "alone: held-out cases of the training domain. Those of the paper also chose the best epoch, and so did ours, "
        "unless the study scores other ones (split). drop: what a model loses between them and the other domain; the "
        "paper prints the two figures and not the drop.",
        "The interval of a drop resamples the patients of both domains. The training seeds are fixed, so it is an "
        "interval for these networks.",
    ]
    return Table("Table 2: domain shift", "figure", lines, [name for pair in _SETS for name in pair], notes, drops)


def _pairs() -> list[tuple[str, str]]:
    """Training and test domain: each domain alone, then the shifts."""
    pairs = [(train, test) for sets in _SETS for train in sets for test in sets]
    return sorted(pairs, key=lambda pair: pair[0] != pair[1])


def _printed(metric: str, train: str, test: str, role: str) -> str:
    return printed("table2_domain_shift", metric, train_domain=train, test_domain=test, model=role)


def _measured(ours: Ours, metric: str) -> dict[tuple[str, str, str], ShiftLine]:
    """What we measured of each model, in each training and test domain."""
    if ours.shift is None or metric not in ours.shift.metrics:
        return {}
    return {(line.architecture, line.trained, line.tested): line for line in ours.shift.lines(metric)}


def _mean(line: ShiftLine | None, form: Form) -> Value:
    if line is None:
        return Value()
    text = with_spread(form(line.mean), "" if math.isnan(line.sd) else form(line.sd))
    return Value(text, line.mean, sample=(str(line.seeds), str(line.groups)))


def _drop(line: ShiftLine | None, form: Form) -> Value:
    if line is None or line.drop is None:
        return Value()
    drop = line.drop
    ends = interval(drop.low, drop.high, form)
    return Value(form(drop.estimate), drop.estimate, drop.low, drop.high, ends, (str(line.seeds), str(line.groups)))
