"""The signals of failure, against figures computed by hand, and the analyser that measures them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import robustq
from analyses import analyse, model
from networks import noise, small
from robustq.analyser import Draws
from robustq.dataset import Case, Entry, own_range
from robustq.errors import RequestError
from robustq.latent.latents import latent
from robustq.metrics import dice
from robustq.run.analyse_pieces import Watcher
from robustq_latent.failure import Failure
from robustq_latent.failure_answers import FailureAnswers
from robustq_latent.failure_signals import (
    NATS,
    SIGNALS,
    agreement,
    confidence,
    distance_over_margin,
    pairwise_dice,
    probability_signals,
)
from robustq_latent.failure_tables import failure_conclusions, failure_grids, failure_table_figures


def case(*size: int, seed: int = 0, ignored: torch.Tensor | None = None) -> Case:
    image = noise(1, *size, seed=seed)
    return Case(
        image, image > 0.3, own_range(image), (1.0,) * len(size), "px", Entry("a", "a"), ("label",), ignored=ignored
    )


def test_entropy_and_largest_probability_are_means_near_the_answer() -> None:
    masks, probabilities = torch.zeros(1, 30, 30, dtype=torch.bool), torch.full((1, 30, 30), 0.5)
    masks[0, 10, 10] = True
    rows, columns = torch.meshgrid(torch.arange(30), torch.arange(30), indexing="ij")
    probabilities[0, (rows - 10) ** 2 + (columns - 10) ** 2 <= 25] = 0.9
    signals = probability_signals(masks, probabilities, None)
    assert signals["max_probability"] == pytest.approx(0.9)
    assert signals["entropy"] == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1), abs=1e-6)


def test_an_empty_answer_is_measured_everywhere_but_at_ignored_voxels() -> None:
    masks, probabilities = torch.zeros(2, 4, 4, dtype=torch.bool), torch.full((2, 4, 4), 0.2)
    probabilities[1, 0] = 0.4
    assert probability_signals(masks, probabilities, None)["max_probability"] == pytest.approx(
        (28 * 0.8 + 4 * 0.6) / 32
    )
    ignored = torch.zeros(4, 4, dtype=torch.bool)
    ignored[0] = True
    assert probability_signals(masks, probabilities, ignored)["max_probability"] == pytest.approx(0.8)


def test_pairwise_dice_is_the_mean_over_pairs_and_two_empty_answers_agree() -> None:
    masks = noise(5, 2, 6, 7, seed=3) > 0.5
    expected = [dice(masks[i, label], masks[j, label]) for i, j in combinations(range(5), 2) for label in (0, 1)]
    assert pairwise_dice(masks) == pytest.approx(np.mean(expected))
    masks[:, 1] = False
    assert pairwise_dice(masks) == pytest.approx((np.mean(expected[::2]) + 1) / 2)


class Prior(nn.Module):
    """Answers the same whatever it sees, once `weight` is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.weight = nn.Parameter(torch.ones(()))
        self.answer = nn.Parameter(torch.tensor([0.3, 0.1, 0.5, 0.2]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        seen = self.encoder(images).mean() * self.weight
        return self.answer.view(1, 4, 1, 1).expand(len(images), 4, *images.shape[2:]) + seen


def test_a_model_that_answers_the_same_whatever_it_sees_agrees_with_itself_and_orders_nothing() -> None:
    prior = robustq.wrap(Prior(), "none", at="encoder", example=noise(1, 1, 16, 16)).eval()
    prior.network.weight.data.zero_()
    assert agreement(prior, case(8, 9), 0, 2) == 1
    analysis = robustq.analyse({"m": prior}, "phantom:cases=2", check="failure", levels=[30], draws=2)
    frame = analysis.to_frame()
    answers = FailureAnswers(frame[(frame["level"] == 30) & frame["metric"].isin(["answer_dice", *SIGNALS])])
    for signal in ("entropy", "max_probability", "agreement"):
        assert np.ptp(answers.confidence(signal)) == 0


def test_the_distance_over_the_margin_on_a_line() -> None:
    # Codes at 0 and 10, the face between them at 5: distances 1, 2, 4 and margins 4, 3, 1.
    tokens, vectors = torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[0.0], [10.0]])
    assert distance_over_margin(tokens, vectors) == pytest.approx(2 / 3)
    assert distance_over_margin(tokens, vectors[:1]) == 0


def test_more_entropy_and_more_distance_mean_less_confidence() -> None:
    assert list(confidence("entropy", [1.0, 2.0])) == list(confidence("distance_over_margin", [1.0, 2.0])) == [-1, -2]
    assert list(confidence("agreement", [0.1, 0.2])) == list(confidence("max_probability", [0.1, 0.2])) == [0.1, 0.2]


def test_only_the_first_draws_are_measured_and_their_dice_is_that_of_the_answer() -> None:
    segmenter, clean = small("8x4"), case(16, 16)
    analyser = Failure(segmenter)
    images = clean.image + 0.4 * noise(6, 1, 16, 16, seed=9)
    analyser.begin(clean, latent(segmenter, clean.image[None], batch_size=2, axis=None))
    for first in (0, 3):
        part = images[first : first + 3]
        seen = latent(segmenter, part, batch_size=3, axis=None)
        analyser.observe(Draws(first, seen, None, [replace(clean, image=image) for image in part], 3))
    found = list(analyser.end())
    measured = {finding.draw: finding.value for finding in found if finding.metric == "answer_dice"}
    assert set(measured) == {0, 1, 2, 3}
    with torch.no_grad():
        masks = segmenter.masks(segmenter.run(images[3:4]).logits)[0]
    assert measured[3] == pytest.approx(dice(masks[0], clean.mask[0]))
    assert {finding.metric for finding in found} == {"answer_dice", *SIGNALS} - {NATS}, "the model has no prior"


@pytest.mark.parametrize(("setting", "spelling"), [("", ""), ("0.80", ""), ("0.50", "0.5"), ("1", "1")])
def test_a_threshold_has_one_spelling(setting: str, spelling: str) -> None:
    assert Failure.canonical_setting(setting) == spelling


@pytest.mark.parametrize("setting", ["0", "1.1", "dice", "nan"])
def test_a_threshold_that_is_no_dice_is_refused(setting: str) -> None:
    with pytest.raises(RequestError, match=r"as in failure@0\.8"):
        Failure.canonical_setting(setting)


def answered(dices: Sequence[float], **signals: Sequence[float]) -> pd.DataFrame:
    """Rows of one model on one case of each patient."""
    rows = [
        {
            "model": "m", "dataset": "d", "domain": "", "group": f"p{place}", "case": f"c{place}", "draw": 0,
            "perturbation": "gaussian", "level": 30.0, "metric": metric, "value": values[place], "reason": "",
            "unit": "",
        }
        for metric, values in {"answer_dice": dices, **signals}.items()
        for place in range(len(dices))
    ]  # fmt: skip
    rows.append({**rows[0], "metric": "failure_threshold", "value": 0.5, "perturbation": "clean", "level": 0.0})
    return pd.DataFrame(rows)


def test_the_table_and_the_sentence_name_the_signal_that_orders_answers_best() -> None:
    dices = np.linspace(0.05, 0.95, 20)
    shuffled = np.random.default_rng(2).permutation(dices)
    rows = answered(list(dices), max_probability=list(shuffled), entropy=list(1 - dices))
    (grid,) = failure_grids(rows, ["m"], sample="twenty cases")
    ((section, lines),) = grid.sections
    assert section == "gaussian"
    cells = {line[1]: dict(zip(grid.header, line, strict=True)) for line in lines}
    assert list(cells) == ["max probability", "entropy"]
    assert cells["entropy"]["failures"] == "10 of 20"
    assert cells["entropy"]["E-AURC"].startswith("0.000")
    assert cells["entropy"]["AUROC of a failure"] == "1.000 [1.000, 1.000]"
    assert cells["entropy"]["AURC minus that of max probability"].startswith("-0.")
    (sentence,) = failure_conclusions(rows, ["m"])
    assert "orders its answers best is entropy" in sentence
    assert "its difference from max probability is settled" in sentence


def test_the_nats_of_a_run_of_an_earlier_version_are_read() -> None:
    values = {"max_probability": [0.9, 0.8, 0.7, 0.6], NATS: [0.1, 0.4, 0.2, 0.3]}
    rows = answered([0.9, 0.2, 0.6, 0.4], **values)
    earlier = rows.assign(metric=rows["metric"].replace(NATS, "nats"))
    # Those of the analyser likelihood, which have a unit, are another figure.
    of_image = earlier[earlier["metric"] == "nats"].assign(unit="nats", value=9.0)
    both = pd.concat([of_image, earlier])
    assert failure_table_figures(both, ["m"]) == failure_table_figures(rows, ["m"])
    assert NATS in {figure.signal for figure in failure_table_figures(both, ["m"])}


def test_the_figures_in_full_precision_are_those_by_hand() -> None:
    rows = answered([0.9, 0.2, 0.6, 0.4], max_probability=[0.9, 0.8, 0.7, 0.6], entropy=[0.1, 0.4, 0.2, 0.3])
    figures = {(each.signal, each.figure): each for each in failure_table_figures(rows, ["m"])}
    # Risks in the order of max probability: 0.1, 0.8, 0.4, 0.6; running means 0.1, 0.45, 1.3/3, 0.475.
    by_probability = (0.55 + (0.45 + 1.3 / 3) + (1.3 / 3 + 0.475)) / 8
    # In the order of entropy, which is that of Dice: 0.1, 0.4, 0.6, 0.8; running means 0.1, 0.25, 1.1/3, 0.475.
    best = (0.35 + (0.25 + 1.1 / 3) + (1.1 / 3 + 0.475)) / 8
    assert figures["max_probability", "aurc"].value == pytest.approx(by_probability)
    assert figures["max_probability", "e_aurc"].value == pytest.approx(by_probability - best)
    assert figures["max_probability", "auroc_of_failure"].value == pytest.approx(3 / 4)
    assert figures["max_probability", "spearman"].value == pytest.approx(0.4)
    assert figures["entropy", "aurc_difference"].value == pytest.approx(best - by_probability)
    assert ("max_probability", "aurc_difference") not in figures
    (grid,) = failure_grids(rows, ["m"], sample="four cases")
    for name, column in (("aurc", 4), ("spearman", 8)):
        figure = figures["entropy", name]
        assert grid.sections[0][1][1][column] == f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def test_a_run_has_a_table_and_a_figure_and_its_passes_are_those_of_four_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = []
    passes = Watcher.passes
    monkeypatch.setattr(Watcher, "passes", lambda self, piece: counted.append(passes(self, piece)) or counted[-1])
    analysis = analyse({"m": model()}, check="failure@0.5", levels=[30])
    assert list(analysis.figures) == ["failure-gaussian"]
    assert analysis.grids()[-1].title.startswith("Signals of failure")
    # One pass for the clean image, one for each draw, six for each of the first four draws.
    assert {each.plain for each in counted} == {1 + 5 + 6 * 4}


def test_the_dice_of_an_answer_is_that_of_a_stress_run() -> None:
    models, asked = {"m": model()}, {"data": "phantom:cases=1", "levels": [30], "draws": 2}
    analysed = analyse(models, check="failure", **asked).to_frame()
    stressed = robustq.stress(models, metrics="dice", **asked).to_frame()
    measured = analysed[analysed["metric"] == "answer_dice"].set_index(["case", "level", "draw"])["value"]
    expected = stressed[stressed["metric"] == "dice"].groupby(["case", "level", "draw"])["value"].mean()
    assert dict(measured) == pytest.approx(dict(expected))
