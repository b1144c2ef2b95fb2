"""robustq.compare: sentences and tables of the differences between models."""

from pathlib import Path

import pandas as pd
import pytest

import robustq
from robustq.report.robustness_table import robustness_verdicts


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory: pytest.TempPathFactory) -> robustq.Run:
    folder = tmp_path_factory.mktemp("pair")
    models = {
        name: robustq.wrap("unet", quantise=quantise, classes=4, width=8, scales=2, seed=seed)
        for name, quantise, seed in (("vq", "8x4", 0), ("base", "identity:4", 0))
    }
    return robustq.stress(
        models,
        "phantom:cases=2,domain=A",
        noise=["poisson", "gaussian"],
        levels=[0, 30],
        draws=1,
        metrics="dice,hd95",
        out=folder / "run",
    )


def test_one_sentence_a_pair_leads_the_table(run_of_two: robustq.Run) -> None:
    differences = robustq.compare(run_of_two, "base")

    (sentence,) = differences.verdicts()
    drop = differences.robustness().set_index(["perturbation", "measure"]).loc[("all", "drop")]
    assert sentence.startswith(f"vq loses {abs(drop['difference']):.3f} [")
    assert f"{'less' if drop['difference'] < 0 else 'more'} dice than base from 0 to 30" in sentence
    assert "over 2 perturbations" in sentence
    assert "patients, one network each: no claim about architectures" in sentence
    first, levels = differences.grids()
    assert list(first.heads) == [sentence]
    assert [name for name, _ in first.sections] == ["vq: level 0", "vq: drop", "vq: retention", "vq: AUDC"]
    assert levels.title.startswith("dice minus base")


def test_a_distance_rises_and_says_its_unit(run_of_two: robustq.Run) -> None:
    (sentence,) = robustq.compare(run_of_two, "base").verdicts("hd95")

    assert sentence.startswith("The hd95 of vq rises by ")
    assert " mm" in sentence


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((0.0, 0.0, 0.0), "vq and base lose equally much dice from 0 to 30\N{NO-BREAK SPACE}% gaussian (1 patient"),
        (
            (-0.1, float("nan"), float("nan")),
            "vq loses 0.100 less dice than base from 0 to 30\N{NO-BREAK SPACE}% gaussian",
        ),
    ],
)
def test_no_difference_and_no_interval_are_said_as_they_are(figures: tuple[float, ...], words: str) -> None:
    shared = {"model": "vq", "baseline": "base", "perturbation": "gaussian", "perturbations": 1, "level": 30.0}
    row = shared | {"groups": 1} | dict(zip(("difference", "low", "high"), figures, strict=True))
    (sentence,) = robustness_verdicts(pd.DataFrame([row | {"measure": name} for name in ("clean", "drop")]), "dice", "")

    assert words in sentence
    assert "contains 0" not in sentence
    assert ("there is no interval" in sentence) == (figures[0] != 0)


def test_a_run_may_be_given_by_its_directory(run_of_two: robustq.Run) -> None:
    path = Path(run_of_two.directory.path)

    assert robustq.compare(path, "base").to_frame().equals(robustq.compare([run_of_two], "base").to_frame())


def test_an_unknown_baseline_and_no_run_are_refused(run_of_two: robustq.Run) -> None:
    with pytest.raises(robustq.RequestError, match=r"unknown model .nobody."):
        robustq.compare(run_of_two, "nobody")
    with pytest.raises(robustq.RequestError, match="no run was given"):
        robustq.compare([], "base")
