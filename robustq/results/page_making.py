"""The part of a page that says how results were made."""

import json
from typing import Any

from robustq.report.grid import Grid
from robustq.report.page.contents import Making
from robustq.results.commands_given import command_lines, commands_given, hardware_used
from robustq.results.stored import Stored

_FACTS = {
    "perturbations": "perturbations and attacks",
    "checks": "checks",
    "levels": "levels [%]",
    "severity": "severity",
    "draws": "draws per level",
    "seed": "seed of the noise",
    "metrics": "metrics",
    "without_labels": "without labels",
    "quality": "image quality measured",
    "missing": "missed structures",
    "split": "split",
    "clip": "clipped",
    "batch_size": "batch size",
    "noise_device": "device of the noise",
    "precision": "precision",
}
"""Settings of a run, and what the page calls them."""


def page_making(stored: Stored) -> Making:
    """The commands, settings, versions, hashes and hardware of a run or of an analysis."""
    asked, given = stored.asked, commands_given(stored.directory)
    # A severity stands in the place of levels.
    keys = [key for key in _FACTS if key in asked and not (key == "levels" and "severity" in asked)]
    facts = [(_FACTS[key], _text(asked[key])) for key in keys]
    facts.append(("device", str(stored.document.get("device", "not recorded"))))
    facts += [("versions", ", ".join(f"{name} {number}" for name, number in stored.document["versions"].items()))]
    facts.append(("hardware", "; ".join(hardware_used(given)) or "not recorded"))
    facts.append(("time", "; ".join(one.time for one in given) or "not recorded"))
    facts.append(("cases", f"{len(stored.cases)}, each with the hash of its image in {stored.directory.request.name}"))
    lines = [
        [
            model["name"],
            str(stored.spec(model["name"]).architecture or "given by hand"),
            str(stored.spec(model["name"]).quantise),
            str(stored.spec(model["name"]).seed) if stored.spec(model["name"]).training else "untrained",
            model["weights"],
        ]
        for model in asked["models"]
    ]
    heading = f"robustq {stored.command}, {stored.directory.path.name}"
    header = ["model", "architecture", "quantiser", "training seed", "hash of weights"]
    return Making(
        heading=heading,
        commands=command_lines(given),
        facts=facts,
        models=Grid(f"Models of {heading}", header, [("", lines)]),
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{entry:g}" if isinstance(entry, float) else str(entry) for entry in value)
    return value if isinstance(value, str) else json.dumps(value)
