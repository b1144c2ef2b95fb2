"""Architectures, whose sample are trained networks."""

import numpy as np
import pytest

from robustq.errors import RequestError
from robustq.statistics import (
    summarise_by_architecture,
)
from rows import frame, row


def test_training_seeds_are_averaged_as_networks_and_never_pooled_as_cases():
    rows = frame(
        [
            row(model=f"unet-{seed}", training_seed=seed, case=str(case), group=str(case), value=value)
            for seed, values in enumerate([(0.1, 0.3), (0.5, 0.7), (0.6, 0.8)])
            for case, value in enumerate(values)
        ]
    )

    (line,) = summarise_by_architecture(rows, {f"unet-{seed}": "unet" for seed in range(3)}).to_dict("records")

    assert (line["architecture"], line["seeds"], line["groups"], line["note"]) == ("unet", 3, 2, "")
    assert line["mean"] == pytest.approx(0.5)
    assert line["sd"] == pytest.approx(np.std([0.2, 0.6, 0.7], ddof=1))


def test_fewer_than_three_training_seeds_are_no_claim_about_an_architecture():
    rows = frame([row(model="a", training_seed=0), row(model="b", training_seed=1)])

    (line,) = summarise_by_architecture(rows, {"a": "unet", "b": "unet"}).to_dict("records")

    assert line["seeds"] == 2
    assert "2 training seeds, too few for a claim" in line["note"]


def test_two_networks_of_one_seed_or_of_other_cases_are_no_samples_of_an_architecture():
    same = frame([row(model="a"), row(model="b")])
    with pytest.raises(RequestError, match="'a' and 'b', both unet, have the same training seed 0"):
        summarise_by_architecture(same, {"a": "unet", "b": "unet"})

    other = frame([row(model="a"), row(model="b", training_seed=1, case="9")])
    with pytest.raises(RequestError, match="their cases differ"):
        summarise_by_architecture(other, {"a": "unet", "b": "unet"})

    with pytest.raises(RequestError, match="none of the models c is in these rows"):
        summarise_by_architecture(same, {"c": "unet"})


def test_perturbations_stand_in_the_order_of_the_rows_and_not_of_the_alphabet():
    rows = frame([row(model=name, perturbation=noise) for noise in ("poisson", "gaussian") for name in ("a", "b")])
    table = summarise_by_architecture(rows, {"a": "unet", "b": "transunet"})
    assert table[["architecture", "perturbation"]].to_numpy().tolist() == [
        ["transunet", "poisson"],
        ["transunet", "gaussian"],
        ["unet", "poisson"],
        ["unet", "gaussian"],
    ]
