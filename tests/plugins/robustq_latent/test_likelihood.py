"""The nats of codes under a prior, and what they tell, against cases with known answers."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from analyses import analyse, model
from networks import noise
from robustq.errors import RequestError
from robustq.latent.code_nats import code_nats
from robustq.latent.latents import latent
from robustq.model.prior import CodePrior
from robustq.model.segmenter import Segmenter
from robustq_latent.likelihood import Likelihood, middle_map
from robustq_latent.likelihood_tables import (
    levels_of,
    likelihood_conclusions,
    likelihood_grids,
    likelihood_table_figures,
)


def with_prior(*, constant: bool = False, size: tuple[int, ...] = (24, 20)) -> Segmenter:
    """A small model with a prior: one that depends on the codes before, or one that gives each code 1/16."""
    made = model(size=size)
    made.prior = CodePrior(16).eval()
    if not constant:
        made.prior.head.weight.data = noise(16, 64)
    return made


def rows_of(clean: Sequence[float], drawn: Sequence[float], dices: Sequence[float]) -> pd.DataFrame:
    """Rows of one model with one case of each patient, clean and in one draw."""

    def of(perturbation: str, level: float, values: Mapping[str, Sequence[float]]) -> list[dict[str, object]]:
        return [
            {
                "model": "m", "dataset": "d", "domain": "", "group": f"p{place}", "case": f"c{place}", "draw": 0,
                "perturbation": perturbation, "level": level, "metric": metric, "value": value, "status": "ok",
            }
            for metric, of_metric in values.items()
            for place, value in enumerate(of_metric)
        ]  # fmt: skip

    rows = of("clean", 0.0, {"nats": clean, "likelihood_dice": [0.9] * len(clean)})
    rows += of("gaussian", 30.0, {"nats": drawn, "likelihood_dice": dices})
    rows += [{**rows[0], "metric": metric, "value": value} for metric, value in
             (("likelihood_threshold", 0.5), ("prior_codes", 16.0))]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_constant_prior_has_the_nats_of_the_uniform_distribution_and_tells_nothing() -> None:
    analysis = analyse({"m": with_prior(constant=True)}, check="likelihood@1", levels=[30], draws=2)
    rows = analysis.to_frame()
    assert rows[rows["metric"] == "nats"]["value"].to_numpy() == pytest.approx(math.log(16))
    ((_, _, _, found),) = levels_of(rows, ["m"])
    assert found.auroc_of_perturbed.value == 0.5
    assert (found.auroc_of_perturbed.low, found.auroc_of_perturbed.high) == (0.5, 0.5)


def test_both_aurocs_are_shares_of_pairs() -> None:
    generator = np.random.default_rng(0)
    clean, drawn, dices = (generator.normal(size=12).round(1), generator.normal(1, size=12).round(1),
                           generator.uniform(size=12))  # fmt: skip
    ((_, _, _, found),) = levels_of(rows_of(clean, drawn, dices), ["m"])
    pairs = len(clean) * len(drawn)
    assert found.auroc_of_perturbed.value == pytest.approx(mannwhitneyu(drawn, clean).statistic / pairs)
    failed = dices < 0.5
    expected = mannwhitneyu(drawn[failed], drawn[~failed]).statistic / (failed.sum() * (~failed).sum())
    assert found.auroc_of_failure(0.5).value == pytest.approx(expected)
    assert found.clean.mean.value == pytest.approx(clean.mean())


def test_the_table_and_the_sentence_say_what_the_nats_tell() -> None:
    places = np.arange(10.0)
    rows = rows_of(places, places + 100, 0.9 - places / 10)
    (grid,) = likelihood_grids(rows, ["m"], sample="ten cases")
    (_, (clean,)), (section, (line,)) = grid.sections
    assert section == "gaussian"
    assert line[3] == "1.000 [1.000, 1.000]"
    assert (clean[4], line[4]) == ("0 of 10", "5 of 10")
    assert line[5].startswith("1.000")
    assert "2.773 for the 16 codes of m" in " ".join(grid.notes)
    full = {(each.figure, each.level): each.value for each in likelihood_table_figures(rows, ["m"])}
    assert full == {
        ("nats", 0.0): pytest.approx(4.5),
        ("nats", 30.0): pytest.approx(104.5),
        ("auroc_of_perturbed", 30.0): 1.0,
        ("auroc_of_failure", 30.0): 1.0,
    }
    (sentence,) = likelihood_conclusions(rows, ["m"])
    assert "under gaussian of 30\u00a0%" in sentence
    assert "AUROC 1.000" in sentence


def test_rows_hold_the_nats_and_the_dice_of_every_draw_and_the_map_of_the_first_case() -> None:
    segmenter = with_prior()
    models = {"m": segmenter, "plain": model("none")}
    analysis = analyse(models, data="phantom:cases=1,domain=A", check="likelihood,failure", levels=[30], draws=5)
    rows = analysis.to_frame()
    assert set(rows[rows["metric"] == "nats"]["model"]) == {"m"}
    drawn = rows[(rows["metric"] == "nats") & (rows["level"] == 30)]
    assert set(drawn["draw"]) == {0, 1, 2, 3, 4}
    assert {"likelihood_dice", "answer_dice", "nats", "answer_nats"} <= set(rows[rows["level"] == 30]["metric"])
    one_value = ["model", "case", "perturbation", "level", "draw", "label", "metric"]
    assert not rows[rows["metric"].isin(["nats", "answer_nats"])].duplicated(one_value).any()
    assert (rows[rows["metric"].isin(["nats", "answer_nats"])]["unit"] == "nats").all()
    of_answers = rows[rows["metric"] == "answer_nats"].set_index(["case", "level", "draw"])["value"]
    of_images = rows[rows["metric"] == "nats"].set_index(["case", "level", "draw"])["value"]
    assert dict(of_answers) == pytest.approx(dict(of_images[of_answers.index]), abs=1e-5)
    assert "token-nats-m-gaussian" in analysis.figures
    titles = [grid.title for grid in analysis.grids()]
    assert any(title.startswith("Likelihood of codes") for title in titles)
    assert "nats a token" in {line[1] for grid in analysis.grids() for _, lines in grid.sections for line in lines}


def test_a_model_without_a_prior_has_no_figures() -> None:
    analysis = analyse({"m": model()}, data="phantom:cases=1,domain=A", check="likelihood", levels=[30], draws=2)
    assert not any(grid.title.startswith("Likelihood") for grid in analysis.grids())
    assert analysis.figures == {}
    assert "No model here has a prior over its codes" in analysis.conclusions()[-1]


def test_a_model_without_a_prior_is_named_under_the_table_of_the_others() -> None:
    places = np.arange(10.0)
    (grid,) = likelihood_grids(rows_of(places, places + 100, 0.9 - places / 10), ["m", "plain"], sample="ten cases")
    assert grid.notes[-1] == "plain has no prior, so no value applies."


@pytest.mark.parametrize("size", [(24, 20), (16, 12, 8)])
def test_the_nats_of_a_case_are_those_of_its_codes_on_their_grid(size: tuple[int, ...]) -> None:
    segmenter, images = with_prior(size=size), noise(3, 1, *size)
    seen = latent(segmenter, images, batch_size=2, axis=None)
    nats = code_nats(segmenter.prior, seen, len(size), batch_size=2)
    assert nats.allclose(segmenter.prior.nats(segmenter.run(images).codes[:, 0]).flatten(1), atol=1e-5)
    assert middle_map(nats[0], seen.grid).shape == seen.grid[-2:]


def test_slices_are_grids_of_their_own() -> None:
    segmenter, volume = with_prior(), noise(1, 1, 24, 20, 3)
    seen = latent(segmenter, volume, batch_size=2, axis=2)
    nats = code_nats(segmenter.prior, seen, 2, batch_size=2)
    alone = latent(segmenter, volume[..., 1], batch_size=1, axis=None)
    middle = nats[0].unflatten(0, seen.grid)[1].flatten()
    assert middle.allclose(code_nats(segmenter.prior, alone, 2, batch_size=1)[0], atol=1e-5)


def test_a_threshold_that_is_no_dice_is_refused() -> None:
    with pytest.raises(RequestError, match=r"as in likelihood@0\.8"):
        Likelihood.canonical_setting("2")
