"""An analysis begins with what it says of each model, in one sentence a check."""

import pandas as pd
import pytest

from robustq_latent.codebook_tables import codebook_conclusions
from robustq_latent.latent_variance import LatentVariance
from robustq_latent.occupancy import Occupancy
from robustq_latent.taylor_conclusions import taylor_conclusions
from rows import frame, row


def _rows(**values: dict[tuple[str, float], float]) -> pd.DataFrame:
    """Two cases for each metric, perturbation and level, whose mean is the value."""
    made = [
        row(
            model="vq",
            case=str(case),
            group=str(case),
            label="",
            domain="",
            metric=metric.replace("_of_", "-"),
            perturbation=noise,
            level=level,
            draw=None,
            seed=None,
            value=value + step,
        )
        for metric, places in values.items()
        for (noise, level), value in places.items()
        for case, step in ((1, -0.01), (2, 0.01))
    ]
    return frame(made)


def _taylor(*errors: float) -> str:
    levels = (1.0, 10.0, 30.0)[: len(errors)]
    rows = _rows(
        predicted_shift={("gaussian", level): 0.73 for level in levels},
        true_shift={("gaussian", level): 6.81 for level in levels},
        linearisation_error={("gaussian", level): error for level, error in zip(levels, errors, strict=True)},
    )
    (sentence,) = taylor_conclusions(rows, ["vq"])
    return sentence


@pytest.mark.parametrize(
    ("errors", "advice"),
    [
        ((0.1, 0.2, 0.3), "it holds at all tested levels"),
        ((0.1, 0.6, 0.9), "do not trust it above 1\N{NO-BREAK SPACE}%"),
        ((0.1, 0.6, 0.2), "do not trust it above 1\N{NO-BREAK SPACE}%"),
        ((0.7, 0.6, 0.9), "do not trust it at any tested level"),
    ],
)
def test_the_taylor_bound_is_trusted_up_to_the_first_level_where_it_explains_less_than_half(
    errors: tuple[float, ...], advice: str
) -> None:
    sentence = _taylor(*errors)

    assert sentence.endswith(f"{advice}.")
    assert "predicts a shift of 0.73, the true shift is 6.81" in sentence
    assert f"the error is {100 * max(errors):.0f}\N{NO-BREAK SPACE}% of it" in sentence


def test_latent_variance_names_the_perturbation_that_moves_the_latents_most() -> None:
    places = [("gaussian", 10.0), ("gaussian", 30.0), ("poisson", 10.0), ("poisson", 30.0)]
    rows = _rows(relative=dict(zip(places, (0.9, 0.2, 0.1, 0.4), strict=True)), flip_rate=dict.fromkeys(places, 0.375))

    assert LatentVariance.conclusions(rows, ["vq", "other"]) == [
        "vq: poisson of 30\N{NO-BREAK SPACE}% varies its latents by 0.4 times their own variance, and changes the code "
        "of 37.5 % of the tokens."
    ]


def test_codes_that_lie_on_one_spot_are_counted() -> None:
    whole = {"model": "vq", "case": "", "group": "", "domain": "", "perturbation": "clean", "level": 0.0}
    made = [
        row(**whole, label="", metric=metric, value=value)
        for metric, value in (("codes_in_use", 10.0), ("codebook_size", 1024.0), ("r", 0.25))
    ]
    made += [row(**whole, label=str(code), metric="r_i", value=0.0 if code < 100 else 0.3) for code in range(120)]

    assert codebook_conclusions(frame(made), ["vq"]) == [
        "vq: 10 of 1024 codes in use, mean radius r 0.25, 100 codes lying exactly on another one."
    ]


def test_tokens_beyond_the_radius_are_told() -> None:
    (sentence,) = Occupancy.conclusions(_rows(beyond_radius={("clean", 0.0): 0.92}), ["vq", "plain"])

    assert sentence.startswith("vq: 92 % of the tokens lie farther from their code than its radius")
