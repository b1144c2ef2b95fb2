"""Models away from the domain that they were trained on."""

import math

import numpy as np
import pytest

import robustq
from networks import small
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.results.shift import UNKNOWN, Shift
from robustq.run.shift import shift
from robustq.statistics.domain_drop import domain_drop

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))
DATA = "phantom:first=2,cases=3"


def model(trained_on: str, quantise: str = "none", seed: int = 0) -> Segmenter:
    """A small segmenter that says it was trained on this case of the phantom."""
    preparation = robustq.Preparation(dims=2, size=(24, 20), labels=LABELS)
    made = small(quantise, classes=4, preparation=preparation, seed=seed)
    data = open_dataset("phantom")
    seen = [data.fingerprint(entry) for entry in data.entries if entry.id == trained_on]
    record = {"validation_cases": [], "training_cases": seen, "dataset": "phantom", "recipe": {}, "epochs": 1}
    made.spec = made.spec.but(training=record, seed=seed)
    return made


@pytest.fixture(scope="module")
def shifted() -> Shift:
    models = {
        "plain-0": model("A/0000", seed=0),
        "plain-1": model("A/0000", seed=1),
        "vq-0": model("A/0000", "16x4", seed=0),
        "vq-1": model("A/0000", "16x4", seed=1),
        "other": model("B/0000", seed=0),
    }
    return shift(models, DATA, metrics="dice,hd95", noise=["gaussian"], levels=[30], draws=2)


def by_group(shifted: Shift, models: list[str], domain: str, perturbation: str, level: float) -> np.ndarray:
    """One Dice value for each patient: the plain mean over everything else."""
    frame = shifted.run.to_frame()
    frame = frame[(frame["metric"] == "dice") & frame["model"].isin(models) & (frame["domain"] == domain)]
    frame = frame[(frame["perturbation"] == perturbation) & (frame["level"] == level)]
    return frame.groupby("group")["value"].mean().to_numpy(float)


def test_each_architecture_has_a_line_in_its_domain_and_in_every_other(shifted: Shift) -> None:
    lines = shifted.lines("dice")
    assert [(line.architecture, line.trained, line.tested, line.in_domain, line.seeds) for line in lines] == [
        ("unet none", "A", "A", True, 2),
        ("unet none", "A", "B", False, 2),
        ("unet none", "A", "A with gaussian of 30 %", False, 2),
        ("unet vq:16x4", "A", "A", True, 2),
        ("unet vq:16x4", "A", "B", False, 2),
        ("unet vq:16x4", "A", "A with gaussian of 30 %", False, 2),
        ("unet none", "B", "B", True, 1),
        ("unet none", "B", "A", False, 1),
        ("unet none", "B", "B with gaussian of 30 %", False, 1),
    ]


def test_a_drop_compares_the_patients_of_both_domains(shifted: Shift) -> None:
    line = shifted.lines("dice")[1]
    home, away = (by_group(shifted, ["plain-0", "plain-1"], domain, "gaussian", 0) for domain in ("A", "B"))
    expected = domain_drop(home, away)
    assert line.drop is not None
    assert [line.drop.estimate, line.drop.low, line.drop.high] == pytest.approx(
        [home.mean() - away.mean(), expected.low, expected.high]
    )
    assert line.mean == pytest.approx(away.mean())
    networks = [by_group(shifted, [name], "B", "gaussian", 0).mean() for name in ("plain-0", "plain-1")]
    assert line.sd == pytest.approx(np.std(networks, ddof=1))


def test_a_simulated_shift_drops_from_the_same_patients(shifted: Shift) -> None:
    line = shifted.lines("dice")[2]
    clean, noisy = (by_group(shifted, ["plain-0", "plain-1"], "A", "gaussian", level) for level in (0, 30))
    assert line.drop is not None
    assert line.drop.estimate == pytest.approx((clean - noisy).mean())
    assert line.drop.groups == 3


def test_a_distance_that_rises_is_a_drop_above_zero(shifted: Shift) -> None:
    lines = shifted.lines("hd95")
    assert lines[1].drop is not None
    assert lines[1].drop.estimate == pytest.approx(lines[1].mean - lines[0].mean)
    assert lines[1].drop.low <= lines[1].drop.estimate <= lines[1].drop.high


def test_the_drop_of_the_baseline_is_subtracted(shifted: Shift) -> None:
    plain, vq = (shifted.lines("dice", "unet none")[place] for place in (1, 4))
    assert plain.against is None
    assert vq.against is not None
    assert plain.drop is not None
    assert vq.drop is not None
    assert vq.against.estimate == pytest.approx(vq.drop.estimate - plain.drop.estimate)
    with pytest.raises(RequestError, match="choose from unet none"):
        shifted.lines("dice", "transunet none")


def test_the_tables_say_where_tokens_lie(shifted: Shift) -> None:
    dice, hd95, tokens = shifted.grids("unet none")
    assert [section for section, _ in dice.sections] == ["trained on A", "trained on B"]
    assert "drop minus that of unet none" in hd95.header
    assert [section for section, _ in tokens.sections] == ["vq-0", "vq-1"]
    assert [line[0] for line in tokens.sections[0][1]] == ["A (in domain)", "B"]
    assert shifted.summary()["lines"]["dice"][0]["trained"] == "A"


def test_several_datasets_are_several_domains_and_models_of_other_data_have_no_drop() -> None:
    generator = np.random.default_rng(0)

    def hospital(name: str) -> robustq.InMemoryDataset:
        pairs = [(generator.random((16, 12)), (generator.random((16, 12)) > 0.5).astype(int)) for _ in range(2)]
        return robustq.InMemoryDataset(pairs, name=name)

    result = shift({"m": small("none")}, [hospital("north"), hospital("south")], metrics="dice")
    lines = result.lines("dice")
    assert [(line.trained, line.tested, line.drop) for line in lines] == [
        (UNKNOWN, "north", None),
        (UNKNOWN, "south", None),
    ]
    assert result.analysis is None
    assert not math.isnan(lines[0].mean)


def test_one_domain_without_a_simulated_shift_is_refused() -> None:
    with pytest.raises(RequestError, match="has one domain"):
        shift({"m": model("A/0000")}, f"{DATA},domain=A")
    with pytest.raises(RequestError, match="both --noise and --levels"):
        shift({"m": model("A/0000")}, DATA, noise=["gaussian"])
