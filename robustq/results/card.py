"""The robustness card of a stress run: what was tried, what came out, what fails and what was not tried."""

import json
from dataclasses import dataclass
from typing import Any

from robustq import registry
from robustq.model.spec import Spec
from robustq.report.card_evidence import ATTACKS, EXTERNAL, NOTICE, SOURCES, evidence_for
from robustq.report.card_markdown import card_markdown
from robustq.report.numbers import plain_document
from robustq.request.names import LINK, is_transferred, not_transferred
from robustq.request.with_setting import without_setting
from robustq.results.analysis import Analysis
from robustq.results.card_failures import known_failures
from robustq.results.commands_given import command_lines, commands_given, hardware_used
from robustq.results.data_fingerprint import data_fingerprint
from robustq.results.directory import RunDirectory
from robustq.results.open_runs import AnyRun, open_run
from robustq.results.run_figures import run_figures
from robustq.results.stress_run import Run

SCHEMA = "robustq-card-1"
"""Version of the form of a card; `robustq card --schema` prints it as a JSON schema."""

_SETTINGS = (
    *("metrics", "draws", "split", "missing", "clip", "batch_size", "noise_device", "precision"),
    *("compat", "max_draws"),
)


@dataclass(frozen=True)
class Card:
    """What `robustq.card` returns.

    Attributes:
        document: the card as JSON values.
    """

    document: dict[str, Any]

    def to_json(self) -> str:
        """The card as JSON; `robustq card --schema` prints its schema."""
        return json.dumps(self.document, indent=1, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """The card as Markdown."""
        return card_markdown(self.document)


def card(run: AnyRun, *, case_names: bool = True) -> Card:
    """The robustness card of a stress run.

    Args:
        run: a run or its directory. An analysis in the same directory adds the liveness of the bottlenecks.
        case_names: whether the card names cases; otherwise it counts and numbers them, and leaves reasons and remarks
            on the data out, because these can name cases.

    Raises:
        RequestError: the directory holds no stress run.
    """
    opened = open_run(run)
    opened.require_truth("a card judges")
    opened.require_levels("a card judges")
    external = any(not opened.domains.trained(domain) for domain in opened.domains.told_apart)
    attacks = opened.asked.get("attacks", {})
    document = {
        "schema": SCHEMA,
        "title": f"Robustness card: {', '.join(opened.models)} on {opened.data}",
        "notice": NOTICE,
        "finished": not opened.missing_batches,
        "sources": SOURCES,
        "data": {
            "evidence_for": evidence_for("data", [EXTERNAL] if external else []),
            **_data(opened, case_names),
        },
        "models": {
            "evidence_for": evidence_for("models"),
            "entries": [_model(opened, entry) for entry in opened.asked["models"]],
        },
        "perturbations": {
            "evidence_for": evidence_for("perturbations", [ATTACKS] if attacks else []),
            "entries": [_perturbation(opened, name) for name in opened.shown],
        },
        "results": {"evidence_for": evidence_for("results"), "entries": _results(opened)},
        "liveness": {"evidence_for": evidence_for("liveness"), **_liveness(opened)},
        "known_failures": {
            "evidence_for": evidence_for("known_failures"),
            **known_failures(opened, case_names=case_names),
        },
        "not_tried": {"evidence_for": evidence_for("not_tried"), **_not_tried(opened)},
        "rerun": {"evidence_for": evidence_for("rerun"), **_rerun(opened)},
    }
    return Card(plain_document(document))


def _data(run: Run, case_names: bool) -> dict[str, Any]:
    cases = run.cases
    first = run.spec(run.models[0])
    domains = dict.fromkeys(case["domain"] for case in cases)
    return {
        "name": run.data,
        "fingerprint": data_fingerprint(run.asked),
        "case_fingerprints": sorted(case["fingerprint"] for case in cases),
        "cases": len(cases),
        "patients": len({case["group"] for case in cases}),
        "domains": [
            {
                "name": domain,
                "cases": run.domains.cases(domain),
                "patients": len({case["group"] for case in cases if case["domain"] == domain}),
                "models_trained_on_it": run.domains.trained(domain),
            }
            for domain in domains
        ],
        "labels": list(first.labels),
        "preparation": first.preparation.to_dict(),
        "remarks": run.data_remarks if case_names else [],
    }


def _model(run: Run, entry: dict[str, Any]) -> dict[str, Any]:
    spec, codes = run.spec(entry["name"]), run.codes()[entry["name"]]
    scored = {case["fingerprint"] for case in run.cases}
    return {
        "name": entry["name"],
        "architecture": spec.architecture,
        "arguments": dict(spec.arguments),
        "quantiser": str(spec.quantise),
        "site": spec.site,
        "dims": spec.dims,
        "in_channels": spec.in_channels,
        "answer": spec.answer,
        "weights": entry["weights"],
        "weights_from": spec.weights,
        "codes_in_use": codes.used,
        "trained_on": _training(spec),
        "scored_cases_seen_in_training": len(scored & spec.seen),
        "scored_cases_that_chose_the_epoch": len(scored & spec.chose),
        "remarks": list(run.remarks()[entry["name"]]),
    }


def _training(spec: Spec) -> dict[str, Any] | None:
    """What is known of the training; None for a model that was not trained here."""
    training = spec.training
    if not training:
        return None
    return {
        "data": training["dataset"],
        "cases": len(training["training_cases"]),
        "validation_cases": len(training["validation_cases"]),
        "seed": spec.seed,
        "epochs": training["epochs"],
        "best_epoch": training["best_epoch"],
        "recipe": training["recipe"],
    }


def _perturbation(run: Run, name: str) -> dict[str, Any]:
    attack = not_transferred(name)
    is_attack = attack in run.asked.get("attacks", {})
    kind = "transferred attack" if is_transferred(name) else "attack" if is_attack else "perturbation"
    numbers = run.level_draws.numbers.get(attack, {})
    return {
        "name": name,
        "kind": kind,
        "levels": [float(level) for level in run.asked["levels"]],
        "draws": {f"{level:g}": number for level, number in numbers.items()},
        "meaning": _ATTACK_RULE if is_attack else " Then: ".join(map(_rule, name.split(LINK))),
    }


_ATTACK_RULE = (
    "The attack looks for the change that the model segments worst; at level L, a value may change by at most L % of "
    "the intensity range, or the root mean square of the change may (@l2)."
)


def _rule(name: str) -> str:
    """What a level of a perturbation means; "" where it is not installed here."""
    return next((item.rule for item in registry.items("perturbations") if item.name == name), "")


def _results(run: Run) -> list[dict[str, Any]]:
    """Each curve at level 0 and at its worst level."""
    entries = []
    for figures in run_figures(run):
        levels = {record["level"]: record for record in figures["levels"]}
        worst = levels.get(figures["worst_level"])
        entries.append(
            {
                **{name: figures[name] for name in ("model", "domain", "perturbation", "metric", "unit")},
                "higher_is_better": figures["higher_is_better"],
                "level_0": levels.get(0.0),
                "worst_level": worst,
                "audc": figures["audc"],
            }
        )
    return entries


def _liveness(run: Run) -> dict[str, Any]:
    directory = run.directory.path
    verdicts = Analysis(directory).verdicts() if RunDirectory(directory, "analyse").exists else []
    return {"tested": bool(verdicts), "verdicts": verdicts}


def _not_tried(run: Run) -> dict[str, Any]:
    """What is registered here or known of the models, and is not part of the run."""
    directory = run.directory.path
    asked = {part for name in run.asked["perturbations"] for part in name.split(LINK)}
    attacks = set(map(without_setting, run.asked.get("attacks", {})))
    checks = Analysis(directory).asked["checks"] if RunDirectory(directory, "analyse").exists else []
    done = set(map(without_setting, checks))
    domains = {case["domain"] for case in run.cases}
    training = run.document.get("training_domains", {})
    trained = {domain for counts in training.values() for domain, number in counts.items() if number}
    return {
        "perturbations": [name for name in registry.names("perturbations") if name not in asked],
        "attacks": [name for name in registry.names("attacks") if name not in attacks],
        "highest_level": max(map(float, run.asked["levels"])),
        "training_domains_not_scored": sorted(trained - domains),
        "other_domains": len(domains) < 2,
        "analyses": [name for name in registry.names("analysers") if name not in done],
        "smallest_level_that_breaks_a_case": not RunDirectory(directory, "minimal").exists,
        "notes": run.sample_notes(),
    }


def _rerun(run: Run) -> dict[str, Any]:
    given, asked = commands_given(run.directory), run.asked
    return {
        "commands": command_lines(given),
        "versions": run.document["versions"],
        "seed_of_the_noise": asked["seed"],
        "training_seeds": {name: run.spec(name).training_seed for name in run.models},
        "settings": {name: asked[name] for name in _SETTINGS if name in asked},
        "device": run.document.get("device", ""),
        "hardware": hardware_used(given),
        "time": [one.time for one in given],
    }
