"""Run directories made of rows by hand, without any model."""

import json
from pathlib import Path
from typing import Any

import robustq
from robustq.results.directory import RunDirectory, versions
from robustq.results.rows import Row


def stored_run(path: Path, rows: list[Row], **asked: Any) -> Path:
    """A finished stress run that holds these rows; its models are those of the rows, untrained plain networks."""
    spec = robustq.wrap("unet", quantise="none", classes=2, width=4, scales=2, groups=2).spec
    models = list(dict.fromkeys(row.model for row in rows))
    cases = {(row.case, row.group, row.domain) for row in rows}
    document = {
        "asked": {
            "perturbations": list(dict.fromkeys(row.perturbation for row in rows)),
            "levels": sorted({row.level for row in rows}),
            "draws": max(row.draw or 0 for row in rows) + 1,
            "seed": 0,
            "metrics": list(dict.fromkeys(row.metric for row in rows if row.metric not in ("invented", "code_usage"))),
            "missing": "diagonal",
            "split": "all",
            "clip": False,
            "batch_size": 16,
            "noise_device": "cpu",
            "precision": "fp32",
            "models": [{"name": name, "weights": "0" * 16, "spec": spec.to_dict()} for name in models],
            "data": {
                "name": rows[0].dataset,
                "cases": [
                    {"id": case, "group": group, "domain": domain, "fingerprint": f"{number:016x}"}
                    for number, (case, group, domain) in enumerate(sorted(cases))
                ],
                "failures": {},
            },
            **asked,
        },
        "plan": [[]],
        "device": "cpu",
        "versions": versions(),
        "data_remarks": [],
    }
    directory = RunDirectory(path, "stress")
    with directory.writing(json.loads(json.dumps(document))):
        directory.write(0, rows)
        directory.compact()
    return path
