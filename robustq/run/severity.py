"""The levels of a run whose severity is an image quality, and of every other run."""

import math
from collections.abc import Mapping, Sequence

from robustq.attack import AbstractAttack
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import Entry
from robustq.draws.perturbed import Perturber
from robustq.draws.severity_levels import Found, severity_levels
from robustq.errors import RequestError
from robustq.perturbation import AbstractPerturbation
from robustq.request.draws import AUTO, Draws
from robustq.request.levels import DEFAULT, check_levels
from robustq.request.severity import DOSE, Severity
from robustq.results.directory import RunDirectory
from robustq.results.severity_scale import ENTRY

FoundLevels = Mapping[str, Mapping[str, Mapping[str, Found]]]
"""For each perturbation and case, what was found for each target."""


def asked_levels(
    levels: Sequence[float] | None,
    severity: Severity | None,
    perturbations: Mapping[str, AbstractPerturbation],
    attacks: Mapping[str, AbstractAttack],
    draws: Draws | None,
) -> tuple[float, ...]:
    """The levels of a run; level 0 alone where targets stand in their place.

    Args:
        levels: the levels that the user asked for; None for the default.
        severity: the targets; None if levels are asked for.
        perturbations: perturbations by name.
        attacks: attacks by name.
        draws: the number of draws that the user asked for.

    Raises:
        RequestError: a level is wrong, or something that is asked for has no severity.
    """
    if severity is None:
        return check_levels(DEFAULT if levels is None else levels)
    if levels is not None:
        raise RequestError(f"levels and the severity {severity} were both given: give one of them")
    if attacks:
        raise RequestError(f"{', '.join(attacks)} has no severity, only levels: leave --severity or --attack out")
    if draws == AUTO:
        raise RequestError(f"draws={AUTO} chooses a number for each level: give a number, such as 10, with --severity")
    moving = [name for name, perturbation in perturbations.items() if perturbation.moves_truth]
    if moving:
        raise RequestError(
            f"{', '.join(moving)} moves the image, so the quality of its values says nothing: give --levels"
        )
    others = [name for name in perturbations if name != "gaussian"]
    if severity.quality == DOSE and others:
        raise RequestError(f"a share of the dose is a level of gaussian noise alone: leave {', '.join(others)} out")
    return (0.0,)


def found_levels(
    severity: Severity, perturber: Perturber, cases: PreparedCases, entries: Sequence[Entry], directory: RunDirectory
) -> FoundLevels:
    """What is found for each perturbation, case and target; what an earlier, killed run found, stays.

    Args:
        severity: the targets.
        perturber: makes the draws.
        cases: the prepared cases.
        entries: entries of the cases that can be used.
        directory: the run directory.
    """
    stored = directory.read().get(ENTRY) if directory.exists else None
    cases_asked = {name: {entry.id for entry in entries} for name in perturber.perturbations}
    if stored is not None and {name: set(of_name) for name, of_name in stored.items()} == cases_asked:
        return {
            name: {
                case: {target: Found(*found) for target, found in targets.items()} for case, targets in of_name.items()
            }
            for name, of_name in stored.items()
        }
    found: dict[str, dict[str, dict[str, Found]]] = {name: {} for name in perturber.perturbations}
    for entry in entries:
        case = cases(entry)
        with cases.stopwatch.stage("perturb"):
            for name in perturber.perturbations:
                levels = severity_levels(severity, perturber, case, name)
                found[name][entry.id] = {target: _as_json(one) for target, one in levels.items()}
    return found


def named_levels(found: FoundLevels) -> dict[tuple[str, str, float], list[str]]:
    """For each case, perturbation and level, the targets that it stands for."""
    named: dict[tuple[str, str, float], list[str]] = {}
    for perturbation, cases in found.items():
        for case, targets in cases.items():
            for target, one in targets.items():
                if one.level is not None:
                    named.setdefault((case, perturbation, one.level), []).append(target)
    return named


def _as_json(found: Found) -> Found:
    """JSON has no infinity, which is the PSNR of an image that nothing changed."""
    finite = found.reached is not None and math.isfinite(found.reached)
    return found if finite else found._replace(reached=None)
