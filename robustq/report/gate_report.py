"""A gate's decisions as a table, and as the JUnit XML that CI systems read."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from robustq.report.grid import Grid
from robustq.report.numbers import number
from robustq.report.printable import printable

WORDS = {"pass": "passed", "fail": "FAILED", "undecided": "not decided"}

FALSE_PASSES = {
    6: (0.058, 0.166, 0.531),
    10: (0.047, 0.151, 0.338),
    20: (0.045, 0.118, 0.110),
    30: (0.059, 0.118, 0.103),
}
"""For a number of groups, how often a gate on a mean passes falsely: if the groups are normal, if they are skewed, if
one patient in ten fails. Simulated by benchmarks/gate_errors.py, 2000 studies each."""


@dataclass(frozen=True)
class Line:
    """One decision, in plain data.

    Attributes:
        name: the criterion in words.
        outcome: pass, fail or undecided.
        estimate: share, mean, retention or difference in the sample.
        bound: its one-sided bound.
        groups: number of groups that count.
        reason: why, in one sentence.
        small: whether the criterion accepts the bound of a mean from fewer than 50 groups.
    """

    name: str
    outcome: str
    estimate: float
    bound: float
    groups: int
    reason: str
    small: bool = False


def gate_grid(lines: Sequence[Line], outcome: str, run: str) -> Grid:
    """The decisions as a table, with the outcome of the gate above it."""
    rows = [
        [line.name, WORDS[line.outcome], number(line.estimate), number(line.bound), str(line.groups), line.reason]
        for line in lines
    ]
    notes = [
        "bound: the one-sided 95 % bound that decides: of a share Clopper and Pearson's, which is exact; of a mean, a "
        "retention or a difference by the expanded percentile bootstrap over patients, which is not.",
        "The gate is passed if every criterion is passed. It fails if the sample contradicts one of them, after Holm's "
        "correction. A missed label, a failed case and an answer that is not finite count as not reached.",
        *small_notes(lines),
    ]
    return Grid(
        f"Gate: {WORDS[outcome]}, {run}",
        ["criterion", "outcome", "estimate", "bound", "patients", "why"],
        [("", rows)],
        notes,
    )


def small_notes(lines: Sequence[Line]) -> list[str]:
    """For each number of groups below 50 that a mean was accepted from, how often such a gate passes falsely."""
    notes = []
    for groups in sorted({line.groups for line in lines if line.small and line.groups < 50}):
        nearest = max((size for size in FALSE_PASSES if size <= groups), default=min(FALSE_PASSES))
        normal, skewed, failing = FALSE_PASSES[nearest]
        notes.append(
            f"A mean of {groups} patients was accepted. In simulated studies of {nearest} patients whose true mean is "
            f"exactly the bound, such a criterion passes in {100 * normal:.0f} % if Dice is normally distributed, in "
            f"{100 * skewed:.0f} % if it is skewed, and in {100 * failing:.0f} % if one patient in ten fails; 5 % is "
            "promised."
        )
    return notes


def junit(lines: Sequence[Line], run: str) -> str:
    """The decisions as JUnit XML: one test case for each criterion; what is not decided counts as skipped."""
    counted = {outcome: sum(line.outcome == outcome for line in lines) for outcome in WORDS}
    suite = ElementTree.Element(
        "testsuite",
        name=f"robustq gate {printable(run)}",
        tests=str(len(lines)),
        failures=str(counted["fail"]),
        skipped=str(counted["undecided"]),
        errors="0",
    )
    for line in lines:
        case = ElementTree.SubElement(suite, "testcase", classname="robustq.gate", name=printable(line.name))
        details = f"{line.reason}; estimate {number(line.estimate)}, bound {number(line.bound)}, {line.groups} patients"
        if line.outcome == "fail":
            ElementTree.SubElement(case, "failure", message=printable(details))
        elif line.outcome == "undecided":
            ElementTree.SubElement(case, "skipped", message=printable(f"not decided: {details}"))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
