"""Claims files: what is written, and which runs bear them out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import rows
from commands import robustq as command
from robustq.errors import RequestError
from robustq.results.claims import check_claims, write_claims
from robustq.results.rows import Row
from stored_runs import stored_run


def _rows(name: str = "vq", seed: int = 0, **changes: object) -> list[Row]:
    return [replace(row, **changes) for row in rows.run(name, rows.declining(0.005, seed), groups=6)]


def _weights(run: Path, weights: str) -> Path:
    document = json.loads((run / "run.json").read_text())
    document["asked"]["models"][0]["weights"] = weights
    (run / "run.json").write_text(json.dumps(document))
    return run


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("claims")
    return write_claims(stored_run(folder / "run", _rows()), folder / "claims.yaml")


def test_a_claims_file_holds_what_a_reproduction_needs(claims: Path) -> None:
    document = yaml.safe_load(claims.read_text())
    (model,) = document["models"]

    assert document["settings"]["seed"] == 0
    assert len(document["data"]["fingerprint"]) == 16
    assert model["weights"] == "0" * 16
    assert model["versions"]["robustq"]
    assert model["spec"]["architecture"] == "unet"
    gaussian = next(figure for figure in model["figures"] if figure["perturbation"] == "gaussian")
    assert [level["level"] for level in gaussian["levels"]] == [0, 10, 30]
    assert gaussian["audc"]["low"] < gaussian["audc"]["value"] < gaussian["audc"]["high"]


@pytest.mark.parametrize(("shift", "borne_out"), [(0.0, True), (0.0005, True), (0.002, False)])
def test_a_run_bears_claims_out_where_its_figures_are_the_same(
    claims: Path, tmp_path: Path, shift: float, borne_out: bool
) -> None:
    shifted = [replace(row, value=(row.value or 0) + shift) for row in _rows()]

    checked = check_claims(stored_run(tmp_path / "run", shifted), claims)

    assert checked.borne_out is borne_out
    assert checked.lines[0].largest == pytest.approx(shift, abs=1e-9)
    assert ("claimed" in checked.lines[0].reason) is not borne_out


def test_an_interval_that_was_made_narrower_is_not_borne_out(claims: Path, tmp_path: Path) -> None:
    document = yaml.safe_load(claims.read_text())
    document["models"][0]["figures"][0]["levels"][1]["low"] += 0.005
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(document))

    assert not check_claims(stored_run(tmp_path / "run", _rows()), tmp_path / "c.yaml").borne_out


def test_other_weights_are_another_model_and_other_names_are_not(claims: Path, tmp_path: Path) -> None:
    other = check_claims(_weights(stored_run(tmp_path / "other", _rows()), "1" * 16), claims)
    renamed = check_claims(stored_run(tmp_path / "renamed", _rows("mine")), claims)

    assert other.lines[0].reason == "the model vq has other weights"
    assert renamed.borne_out


@pytest.mark.parametrize(
    ("changes", "words"), [({"case": "another"}, "claims fingerprint"), ({"perturbation": "speckle"}, "perturbations")]
)
def test_other_data_and_other_noise_are_refused(
    claims: Path, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    made = [replace(row, **changes) for row in (_rows()[:1] if "case" in changes else _rows()) if row.draw == 0]
    made = list({(row.perturbation, row.level, row.case, row.label): row for row in made}.values())

    with pytest.raises(RequestError, match=words):
        check_claims(stored_run(tmp_path / "run", made), claims)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "1",
        "form: robustq-claims-1",
        "form: robustq-claims-1\nmodels: [{name: x}]\ndata: {}\nsettings: {}",
        "form: robustq-claims-1\nmodels: []\ndata: {}\nsettings: {}",
        "form: !!python/object/apply:os.system ['true']",
    ],
)
def test_what_is_no_claims_file_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)

    with pytest.raises(RequestError, match=r"c\.yaml (is not YAML|is no claims file|lacks)"):
        check_claims(stored_run(tmp_path / "run", _rows()), tmp_path / "c.yaml")


def test_the_command_writes_and_checks(tmp_path: Path) -> None:
    stored_run(tmp_path / "run", _rows("<script>\x1b[31m"))

    written = command("claims", "run", "--out", "c.yaml", cwd=tmp_path)
    checked = command("claims", "run", "--against", "c.yaml", cwd=tmp_path)
    _weights(tmp_path / "run", "1" * 16)
    refuted = command("claims", "run", "--against", "c.yaml", "--json", cwd=tmp_path)
    neither = command("claims", "run", cwd=tmp_path)

    assert "The claims are in c.yaml." in written.stderr
    assert (checked.returncode, "borne out" in checked.stdout) == (0, True)
    assert "\x1b[31m" not in checked.stdout
    assert (refuted.returncode, json.loads(refuted.stdout)["borne_out"]) == (4, False)
    assert neither.returncode == 2
