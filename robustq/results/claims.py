"""A claims file: what runs showed, in a form that others can reproduce (docs/definitions.md, Claims)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from robustq.errors import RequestError
from robustq.report.claims_table import Line
from robustq.report.numbers import plain_document
from robustq.results.commands_given import command_lines, commands_given
from robustq.results.data_fingerprint import data_fingerprint
from robustq.results.open_runs import AnyRun, open_runs
from robustq.results.run_figures import run_figures
from robustq.results.several_runs import join
from robustq.results.stress_run import Run
from robustq.whole_file import whole_file

FORM = "robustq-claims-1"
"""Version of the form of a claims file."""

WITHIN = 0.001
"""Largest difference of a figure without unit that counts as none: the last digit that tables print."""

WITHIN_SHARE = 0.01
"""The same for a figure with a unit, as a share of the claimed one."""

_SETTINGS = ("perturbations", "levels", "draws", "seed", "missing", "clip", "noise_device")
"""Settings that must be equal, so that every figure is of the same noise."""


@dataclass(frozen=True)
class Checked:
    """What `check_claims` returns.

    Attributes:
        lines: one for each claimed model.
    """

    lines: Sequence[Line]

    @property
    def borne_out(self) -> bool:
        """Whether the runs bear every claim out."""
        return all(line.borne_out for line in self.lines)


def write_claims(runs: AnyRun | Sequence[AnyRun], out: str | PathLike[str]) -> Path:
    """Write what runs on the same data show, so that others can reproduce it.

    Args:
        runs: a finished run or its directory, or several that have the same cases, levels and noise.
        out: the YAML file.

    Raises:
        RequestError: a run is not finished, or the runs differ in cases, levels or noise.
    """
    opened = _opened(runs)
    target = Path(out)
    document = plain_document(_claims(opened))
    with whole_file(target) as partial:
        partial.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return target


def check_claims(runs: AnyRun | Sequence[AnyRun], claims: str | PathLike[str]) -> Checked:
    """Whether runs bear a claims file out.

    Args:
        runs: as in `write_claims`.
        claims: a file of `write_claims`.

    Raises:
        RequestError: the file holds no claims; or the runs have other data, another preparation or other settings.
    """
    path = Path(claims)
    claimed, opened = _read(path), _opened(runs)
    measured = plain_document(_claims(opened))
    for part in ("data", "settings"):
        for name, value in claimed[part].items():
            if measured[part].get(name) != value:
                raise RequestError(
                    f"{path} claims {name} {value}, and the runs have {measured[part].get(name)}: stress the models "
                    "with the same data and settings, which the file lists under commands"
                )
    by_weights = {model["weights"]: model for model in measured["models"]}
    by_name = {model["name"]: model for model in measured["models"]}
    return Checked([_checked(model, by_weights, by_name) for model in claimed["models"]])


def _opened(runs: AnyRun | Sequence[AnyRun]) -> list[Run]:
    opened = open_runs(runs)
    for run in opened:
        run.require_levels("claims are checked")
    join(opened)  # refuses runs that are not finished, or cannot be paired
    return opened


def _claims(runs: Sequence[Run]) -> dict[str, Any]:
    first = runs[0]
    return {
        "form": FORM,
        "data": {
            "name": first.data,
            "fingerprint": data_fingerprint(first.asked),
            "cases": len(first.cases),
            "preparation": first.spec(first.models[0]).preparation.to_dict(),
        },
        "settings": {name: first.asked[name] for name in _SETTINGS},
        "models": [model for run in runs for model in _models(run)],
    }


def _models(run: Run) -> Iterator[dict[str, Any]]:
    figures = run_figures(run)
    given = commands_given(run.directory)
    for entry in run.asked["models"]:
        yield {
            "name": entry["name"],
            "weights": entry["weights"],
            "training_seed": run.spec(entry["name"]).training_seed,
            "spec": entry["spec"],
            "commands": command_lines(given),
            "versions": run.document["versions"],
            "precision": run.asked["precision"],
            "device": run.document.get("device", ""),
            "figures": [_figure(record) for record in figures if record["model"] == entry["name"]],
        }


def _figure(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: record[name] for name in ("metric", "unit", "perturbation", "domain")},
        "levels": [{name: one[name] for name in ("level", "mean", "low", "high")} for one in record["levels"]],
        "audc": record["audc"],
    }


def _read(path: Path) -> dict[str, Any]:
    """The claims of a file.

    Raises:
        RequestError: there is no such file, or it does not have the form of a claims file.
    """
    if not path.is_file():
        raise RequestError(f"there is no file {path}: robustq claims RUN --out FILE writes one")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or document.get("form") != FORM:
        raise RequestError(
            f"{path} is no claims file of this version ({FORM}): robustq claims RUN --out FILE writes one"
        )
    try:
        for model in document["models"]:
            _values(model)
            str(model["name"]), str(model["weights"])
        {**document["data"], **document["settings"]}
        named = {name for part in ("data", "settings") for name in document[part]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RequestError(f"{path} lacks an entry, or has a wrong one ({error!r}): write it again") from error
    missing = {"fingerprint", "preparation", *_SETTINGS} - named
    if missing or not document["models"]:
        raise RequestError(f"{path} lacks {', '.join(sorted(missing)) or 'models'}: write it again")
    return document


def _values(model: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[str, list[float]]]:
    """For each place of a model's figures, its unit, and the figure with both ends of its interval."""
    values: dict[tuple[str, ...], tuple[str, list[float]]] = {}
    for figure in model["figures"]:
        place = (figure["metric"], figure["perturbation"], figure["domain"])
        for level in figure["levels"]:
            three = [_number(level[name]) for name in ("mean", "low", "high")]
            values[(*place, f"level {_number(level['level']):g}")] = (figure["unit"], three)
        if figure["audc"] is not None:
            values[(*place, "AUDC")] = ("", [_number(figure["audc"][name]) for name in ("value", "low", "high")])
    return values


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _checked(
    claimed: Mapping[str, Any], by_weights: Mapping[str, Mapping[str, Any]], by_name: Mapping[str, Mapping[str, Any]]
) -> Line:
    name = str(claimed["name"])
    if claimed["weights"] not in by_weights:
        other = (
            f"the model {name} has other weights"
            if name in by_name
            else "not in these runs: no model has these weights"
        )
        return Line(name, False, 0, math.nan, other)
    figures, measured = _values(claimed), _values(by_weights[claimed["weights"]])
    largest = 0.0
    wrong: list[tuple[tuple[str, ...], str]] = []
    for place, (unit, three) in figures.items():
        if place not in measured:
            wrong.append((place, "not measured"))
            continue
        for one, again in zip(three, measured[place][1], strict=True):
            if one == again or (math.isnan(one) and math.isnan(again)):
                continue
            difference = abs(one - again)
            largest = max(largest, difference) if not unit else largest
            if not difference <= (WITHIN_SHARE * abs(one) if unit else WITHIN):
                wrong.append((place, f"claimed {one:.4g}, measured {again:.4g}"))
    if not wrong:
        return Line(name, True, len(figures), largest, "")
    place, how = wrong[0]
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return Line(name, False, len(figures), largest, f"{', '.join(filter(None, place))}: {how}{more}")
