"""A robustness card as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from robustq.report.grid import Grid
from robustq.report.numbers import count, digits_of, interval, number, percent, with_unit
from robustq.report.printable import in_markdown

_NOTHING = "none"


def card_markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown; every name in it is only text.

    Args:
        card: the card as JSON values, of the form that card.schema.json describes.
    """
    lines = [f"# {in_markdown(card['title'])}", "", card["notice"], ""]
    if not card["finished"]:
        lines += ["**The run is not finished: the figures are of some cases and levels only.**", ""]
    for part, (heading, body) in _PARTS.items():
        lines += [f"## {heading}", "", *body(card[part]), "", *_evidence(card[part]["evidence_for"])]
    lines += ["## Sources", ""]
    lines += [f"- **{name}**: {text}" for name, text in card["sources"].items()]
    return "\n".join(lines).rstrip() + "\n"


def _evidence(items: Sequence[Mapping[str, str]]) -> list[str]:
    if not items:
        return []
    named = "; ".join(f"{item['source']}, {item['item']} ({item['asks']})" for item in items)
    return [f"*Evidence for: {named}.*", ""]


def _entry(name: str, text: object) -> str:
    return f"- **{name}**: {in_markdown(str(text))}"


def _some(texts: Sequence[object], nothing: str = _NOTHING) -> str:
    return ", ".join(map(str, texts)) or nothing


def _settings(values: Mapping[str, Any]) -> str:
    """The settings that are set, as `name value`."""
    return _some([f"{name} {_value(value)}" for name, value in values.items() if value not in (None, [], {}, "")])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key}: {_value(entry)}" for key, entry in value.items()) + ")"
    if isinstance(value, list):
        return ("×" if all(isinstance(entry, int | float) for entry in value) else ", ").join(map(_value, value))
    return str(value)


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    yield "The card holds for data like those that it was measured on. What else the models are meant for is for their "
    yield "maker to add."
    yield ""
    yield _entry("Data", data["name"])
    yield _entry("Sample", f"{count(data['cases'], 'case')} of {count(data['patients'], 'patient')}")
    yield _entry("Fingerprint", f"{data['fingerprint']} (of all cases; the JSON card has that of each case)")
    for domain in data["domains"]:
        trained = _some(domain["models_trained_on_it"], "no model")
        sample = f"{count(domain['cases'], 'case')} of {count(domain['patients'], 'patient')}"
        yield _entry(f"Domain {in_markdown(domain['name']) or 'not named'}", f"{sample}; trained on it: {trained}")
    yield _entry("Labels", _some(data["labels"]))
    yield _entry("Preparation", _settings({k: v for k, v in data["preparation"].items() if k != "labels"}))
    for remark in data["remarks"]:
        yield _entry("Remark", remark)


def _models(part: Mapping[str, Any]) -> Iterator[str]:
    for model in part["entries"]:
        yield f"### {in_markdown(model['name'])}"
        yield ""
        yield _entry("Network", f"{model['architecture'] or 'given by hand'} {_value(model['arguments'])}")
        yield _entry("Quantiser", f"{model['quantiser']}, at {model['site'] or 'no bottleneck'}")
        yield _entry("Hash of the weights", model["weights"])
        training = model["trained_on"]
        if training:
            yield _entry(
                "Trained on",
                f"{count(training['cases'], 'case')} of {training['data']}, training seed {training['seed']}, "
                f"{count(training['epochs'], 'epoch')}; the weights are those of epoch {training['best_epoch']}, "
                f"chosen by Dice on {count(training['validation_cases'], 'validation case')}",
            )
            yield _entry("Recipe", _settings(training["recipe"]))
        else:
            yield _entry("Trained on", f"not trained by robustq. {model['weights_from']}".strip())
        seen, chose = model["scored_cases_seen_in_training"], model["scored_cases_that_chose_the_epoch"]
        yield _entry("Cases of this card", f"{seen} were used in the training, {chose} to choose the epoch")
        for remark in model["remarks"]:
            yield _entry("Remark", remark)
        yield ""


def _perturbations(part: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        [
            entry["name"],
            entry["kind"],
            ", ".join(percent(level) for level in entry["levels"]),
            _some(sorted(set(entry["draws"].values()))),
            entry["meaning"] or "not known here",
        ]
        for entry in part["entries"]
    ]
    header = ["name", "kind", "levels", "draws per level", "what a level means (L is the level)"]
    yield Grid("What the models were shown", header, [("", rows)]).to_markdown()


def _results(part: Mapping[str, Any]) -> Iterator[str]:
    sections: dict[str, list[list[str]]] = {}
    for entry in part["entries"]:
        worst, clean = entry["worst_level"], entry["level_0"]
        digits = digits_of(entry["unit"])
        area = entry["audc"]
        domain = f", domain {entry['domain']}" if entry["domain"] else ""
        metric = with_unit(entry["metric"], entry["unit"])
        sections.setdefault(f"{metric}, {entry['perturbation']}{domain}", []).append(
            [
                entry["model"],
                _interval(clean, "mean", "low", "high", digits),
                percent(worst["level"]) if worst else "–",
                _interval(worst, "mean", "low", "high", digits),
                _interval(worst, "drop", "drop_low", "drop_high", digits),
                _interval(worst, "retention", "retention_low", "retention_high", 3),
                _interval(area, "value", "low", "high", 3),
                str(clean["groups"]) if clean else "–",
            ]
        )
    header = ["model", "at 0 %", "worst level", "there", "drop", "retention", "AUDC", "patients"]
    notes = [
        "Each figure is the mean over patients, with its 95 % interval (expanded percentile bootstrap over patients).",
        "worst level: the level with the worst mean. drop: what is lost from 0 % to it. retention: the mean there "
        "divided by that at 0 %. AUDC: the area under the curve; 1 is perfect.",
    ]
    yield Grid("At 0 % and at the worst level", header, list(sections.items()), notes).to_markdown()


def _interval(record: Mapping[str, Any] | None, value: str, low: str, high: str, digits: int) -> str:
    """`0.812 [0.790, 0.834]`; – where there is no value."""
    if record is None or record[value] is None:
        return "–"
    middle = number(float(record[value]), digits)
    if record[low] is None:
        return middle
    return f"{middle} {interval(float(record[low]), float(record[high]), digits)}"


def _liveness(part: Mapping[str, Any]) -> Iterator[str]:
    if not part["tested"]:
        yield "Not tested: robustq analyse with the same --out tests whether each bottleneck is alive."
    for verdict in part["verdicts"]:
        yield f"- {in_markdown(verdict)}"


def _known_failures(part: Mapping[str, Any]) -> Iterator[str]:
    failed = part["failed_cases"]
    yield _entry("Cases that could not be used", failed["number"] or _NOTHING)
    for case in failed["cases"]:
        yield f"  - {in_markdown(case['case'])}: {in_markdown(case['reason'])}"
    yield _entry("Answers that are not finite or could not be computed", _places(part["no_answer"]))
    yield _entry("Missed structures (answers)", _places(part["missed_structures"]))
    invented = [
        f"{entry['model']}, {entry['perturbation']} {percent(entry['level'])}: {100 * entry['share']:.0f} %"
        for entry in part["invented_structures"]
    ]
    yield _entry("Invented structures (share of answers where the truth has none)", _some(invented))
    masked = [
        f"{entry['model']}: {entry['rival']} does more harm than {entry['attack']} at {percent(entry['level'])}"
        for entry in part["masked_gradients"]
    ]
    yield _entry("Masked gradients", _some(masked))
    worst = [
        f"{entry['case']} ({entry['metric']} {number(entry['score'], 2)}, {entry['perturbation']} "
        f"{percent(entry['level'])})"
        for entry in part["worst_cases"]
    ]
    yield _entry("Worst cases", _some(worst))
    for note in part["notes"]:
        yield f"- {in_markdown(note)}"


def _places(entries: Sequence[Mapping[str, Any]]) -> str:
    return _some(
        [
            f"{entry['model']}, {entry['perturbation']} {percent(entry['level'])}"
            f"{', domain ' + entry['domain'] if entry['domain'] else ''}: {entry['answers']}"
            for entry in entries
        ]
    )


def _not_tried(part: Mapping[str, Any]) -> Iterator[str]:
    yield _entry("Perturbations", _some(part["perturbations"]))
    yield _entry("Attacks", _some(part["attacks"]))
    yield _entry("Levels", f"above {percent(part['highest_level'])}, and between those that were tried")
    if part["other_domains"]:
        yield _entry("Domains", "all cases are of one domain: no other scanner or hospital was tried")
    if part["training_domains_not_scored"]:
        yield _entry("Domains that were trained on and not scored", _some(part["training_domains_not_scored"]))
    yield _entry("Analyses", _some(part["analyses"]))
    if part["smallest_level_that_breaks_a_case"]:
        yield _entry("Smallest level that breaks a case", "not searched (robustq minimal)")
    for note in part["notes"]:
        yield f"- {in_markdown(note)}"


def _rerun(part: Mapping[str, Any]) -> Iterator[str]:
    for command in part["commands"]:
        yield _entry("Command", command)
    if not part["commands"]:
        yield _entry("Command", "not recorded: the run was started from Python, or by an earlier version")
    yield _entry("Versions", _settings(part["versions"]))
    yield _entry("Seed of the noise", part["seed_of_the_noise"])
    seeds = [f"{name} {'untrained' if seed is None else seed}" for name, seed in part["training_seeds"].items()]
    yield _entry("Training seeds", _some(seeds))
    yield _entry("Settings", _settings(part["settings"]))
    yield _entry("Device", part["device"] or "not recorded")
    yield _entry("Hardware", _some(part["hardware"], "not recorded"))


_PARTS = {
    "data": ("Intended data", _data),
    "models": ("Models", _models),
    "perturbations": ("Perturbations tried", _perturbations),
    "results": ("Results", _results),
    "liveness": ("Is the bottleneck alive?", _liveness),
    "known_failures": ("Known failures", _known_failures),
    "not_tried": ("Not tried", _not_tried),
    "rerun": ("How it is rerun", _rerun),
}
"""For each part of a card, its heading and what writes its lines."""
