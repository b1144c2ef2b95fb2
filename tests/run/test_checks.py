"""What `--check` asks for: names, settings in one spelling, verdicts first."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from analyses import analyse, model
from networks import noise
from robustq import registry
from robustq.analyser import Finding
from robustq.data.open_dataset import open_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.draws.seeds import draw_generator
from robustq.errors import RequestError
from robustq.latent.latents import latent
from robustq.request.checks import parse_checks
from robustq.request.with_setting import join_setting, split_setting
from robustq.results.analysis import Analysis
from robustq.run.load_checks import load_checks
from robustq.testing import check_analyser
from stranger_analysers import Answers, Blind, Opinion, Power, register

ALL = ["codebook", "conformal", "failure", "latent-variance", "likelihood", "occupancy", "pathways", "taylor"]
"""What `all` asks for besides the check with a verdict."""


def test_all_stands_for_every_registered_analyser_but_those_that_are_asked_for_by_name() -> None:
    assert set(registry.names("analysers")) - set(load_checks(parse_checks("all"))) == {"certified"}
    assert set(registry.names("analysers")) == set(load_checks(parse_checks("all,certified")))


@pytest.mark.parametrize("text", ["all,taylor@90", "taylor@90,all", "taylor, taylor@90 ,all"])
def test_of_a_name_that_stands_with_and_without_a_setting_the_one_with_it_stays(text: str) -> None:
    checks = load_checks(parse_checks(text))
    assert "taylor@90" in checks
    assert len(checks) == len(load_checks(["all"]))


@pytest.mark.parametrize("kind_and_text", [("metrics", "nsd@2mm"), ("attacks", "pgd@l2"), ("analysers", "taylor")])
def test_a_text_that_was_split_is_joined_again(kind_and_text: tuple[str, str]) -> None:
    kind, text = kind_and_text
    assert join_setting(*split_setting(kind, text)) == text


def test_words_are_checked_without_torch() -> None:
    code = "import sys; from robustq.request.checks import parse_checks; parse_checks('all,taylor@90')"
    code += "; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_an_at_without_a_setting_is_refused() -> None:
    with pytest.raises(RequestError, match="analyser 'taylor@' has no setting after the @"):
        parse_checks("taylor@")


@pytest.mark.parametrize(
    ("text", "checks"),
    [
        ("taylor@90", ["liveness", "taylor@90"]),
        ("taylor@90.0", ["liveness", "taylor@90"]),
        ("taylor@90,taylor@9e1", ["liveness", "taylor@90"]),
        ("taylor@95.0", ["liveness", "taylor"]),
        ("codebook,liveness", ["liveness", "codebook"]),
        ("all", ["liveness", *ALL]),
        ("taylor@90,all", ["liveness", "taylor@90", *ALL[:-1]]),
    ],
)
def test_a_check_has_one_spelling_and_the_verdict_comes_first(text: str, checks: list[str]) -> None:
    assert list(load_checks(parse_checks(text))) == checks


def test_one_analyser_with_two_settings_is_refused() -> None:
    with pytest.raises(RequestError, match="taylor@90 and taylor@80 were both asked for"):
        load_checks(parse_checks("taylor@90,taylor@80"))


def test_an_analysis_goes_on_where_the_setting_is_spelled_in_another_way(tmp_path: Path) -> None:
    settings = {"draws": 2, "levels": [30], "data": "phantom:cases=1", "out": tmp_path / "run"}
    first = analyse({"vq": model()}, check="taylor@90.0", **settings)
    assert first.asked["checks"] == ["liveness", "taylor@90"]
    progress = []
    analyse({"vq": model()}, check="taylor@90", on_progress=progress.append, **settings)
    assert progress[-1].resumed == progress[-1].total


def test_an_analysis_of_an_earlier_version_keeps_its_spelling_and_goes_on(tmp_path: Path) -> None:
    settings = {"draws": 2, "levels": [30], "data": "phantom:cases=1", "out": tmp_path / "run"}
    analyse({"vq": model()}, check="taylor@90", **settings)
    request = tmp_path / "run" / "analysis.json"
    document = json.loads(request.read_text())
    document["asked"]["checks"] = ["liveness", "taylor@90.0"]
    request.write_text(json.dumps(document))
    again = analyse({"vq": model()}, check="taylor@90.00", **settings)
    assert again.asked["checks"] == ["liveness", "taylor@90.0"]
    assert Analysis(tmp_path / "run").grids()
    with pytest.raises(RequestError, match="differs in checks"):
        analyse({"vq": model()}, check="taylor@80", **settings)


def test_a_strangers_setting_is_handed_on_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, power="Power")
    found = analyse({"vq": model()}, check="power@3.0")
    assert found.asked["checks"] == ["liveness", "power@3.0"]
    analyser = Power(model(), "3.0")
    cases = PreparedCases(open_dataset("phantom:cases=2"), analyser.model.spec.preparation)
    for entry in cases.dataset.entries:
        image = cases(entry).image[None]
        analyser.clean(cases(entry), latent(analyser.model, image, batch_size=1, axis=None))
    (expected,) = analyser.findings()
    assert found.to_frame().query("metric == 'power'")["value"].item() == pytest.approx(expected.value)


def test_an_analyser_that_declares_a_verdict_runs_unasked_and_heads_the_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, opinion="Opinion")
    verdicts: list[str] = []
    found = analyse({"vq": model()}, check="codebook", on_verdict=verdicts.append)
    assert found.asked["checks"] == ["liveness", "opinion", "codebook"]
    (verdict,) = verdicts
    assert verdict.startswith("vq: alive")
    assert "; nice; " in verdict
    assert found.conclusions()[:1] == verdicts


@pytest.mark.parametrize("analyser", [Answers, Blind, Opinion, Power])
def test_the_strangers_of_these_tests_keep_the_contract(analyser: type) -> None:
    check_analyser(analyser)


def test_an_analyser_whose_library_is_missing_hinders_no_other_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "needy_analyser.py").write_text("import library_of_the_future\n")
    monkeypatch.syspath_prepend(tmp_path)
    register(monkeypatch, "needy_analyser", needy="Needy")
    assert list(load_checks(["codebook"])) == ["liveness", "codebook"]
    with pytest.raises(RequestError, match="needs the library library_of_the_future"):
        load_checks(["needy"])


class Silent(Opinion):
    """Promises a verdict and gives none."""

    def findings(self) -> Iterable[Finding]:
        return ()


class Secretive(Opinion):
    """Draws from a row for figures, and does not say so where it is missing."""

    def findings(self) -> Iterable[Finding]:
        yield from super().findings()
        yield Finding("point", 1.0, for_figure=True)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Mapping[str, Figure]:
        return {"points": Figure()} if "point" in set(rows["metric"]) else {}


@pytest.mark.parametrize(
    ("analyser", "sentence"),
    [
        (Silent, "Silent gives 0 verdicts on a model"),
        (Secretive, "Secretive does not draw points without rows for figures, and missing_figures does not name them"),
    ],
)
def test_a_stranger_is_told_which_promise_the_analyser_breaks(analyser: type, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_analyser(analyser)


@pytest.mark.parametrize(
    ("size", "data"),
    [
        ((24, 20), "phantom:cases=1"),
        ((16, 12, 8), "phantom:dims=3,cases=1"),
        ((24, 20), "phantom:dims=3,cases=1,domain=A"),
    ],
    ids=["2D", "3D", "a 2D model on a volume"],
)
def test_an_analyser_that_asks_for_the_output_is_given_the_masks_of_every_image(
    size: tuple[int, ...], data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, answers="Answers", blind="Blind")
    segmenter = model(size=size)
    frame = analyse({"vq": segmenter}, data=data, check="answers,blind", draws=3, levels=[30]).to_frame()
    cases = PreparedCases(open_dataset(data), segmenter.spec.preparation)
    case = cases(cases.dataset.entries[0])
    own = frame[frame["case"] == case.entry.id].set_index("metric")["value"]

    def answer(image: torch.Tensor) -> torch.Tensor:
        stack = image[None] if case.slice_axis is None else image.movedim(case.slice_axis + 1, 0)
        with torch.no_grad():
            masks = segmenter.masks(segmenter(stack))
        return masks[0] if case.slice_axis is None else masks.movedim(0, case.slice_axis + 1)

    assert own["voxels"] == answer(case.image).sum()
    low, high = case.intensity_range[0].tolist()
    changed = 0
    for draw in range(3):
        moved = torch.randn(case.image.shape, generator=draw_generator(0, case.entry.id, "gaussian", draw))
        changed += int(answer(case.image + 0.3 * (high - low) * moved).ne(answer(case.image)).sum())
    assert changed > 0
    assert own["changed_voxels"] == changed


def test_the_decoder_is_not_run_where_no_analyser_asks_for_the_output() -> None:
    segmenter = model()
    decoded: list[object] = []
    segmenter.network.get_submodule("decoder").register_forward_hook(lambda *_: decoded.append(1))
    latent(segmenter, noise(2, 1, 24, 20), batch_size=2, axis=None)
    assert not decoded
    latent(segmenter, noise(2, 1, 24, 20), batch_size=2, axis=None, output=True)
    assert decoded
