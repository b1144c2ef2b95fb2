"""Models whose codes are chosen by distance and prior together, stressed beside themselves."""

from pathlib import Path

import pytest
import torch

import robustq
from analyses import model
from networks import noise
from robustq.errors import RequestError
from robustq.latent.map_quantiser import MapQuantiser
from robustq.model.prior import CodePrior
from robustq.model.segmenter import Segmenter
from robustq.run.map_variants import map_variant

ASKED = {"data": "phantom:cases=1,domain=A", "levels": [30], "draws": 2, "metrics": "dice"}


def with_prior(*, size: tuple[int, ...] = (24, 20), quantise: str = "16x4") -> Segmenter:
    """A small model with a prior that prefers some codes, depending on those before."""
    made = model(quantise, size=size)
    made.prior = CodePrior(16).eval()
    made.prior.head.weight.data = noise(16, 64)
    made.prior.variance.fill_(0.1)
    made.spec = made.spec.but(prior={"how": "joint"})
    return made


@pytest.mark.parametrize("size", [(24, 20), (16, 12, 12)])
def test_a_variant_without_weight_or_with_a_constant_prior_answers_as_its_model(size: tuple[int, ...]) -> None:
    made, images = with_prior(size=size), noise(2, 1, *size)
    plain, variant = made.run(images), map_variant(made)
    weightless, constant = map_variant(made), map_variant(made)
    weightless.bottlenecks[-1].quantiser.weight = 0.0
    constant.prior.head.weight.data.zero_()
    for same in (weightless, constant):
        parts = same.run(images)
        assert parts.codes.equal(plain.codes)
        assert parts.logits.equal(plain.logits)
    moved = variant.run(images)
    assert not moved.codes.equal(plain.codes)
    assert moved.quantised.allclose(made.quantiser.vectors[0][moved.codes[:, 0]].movedim(-1, 1), atol=1e-6)


def test_a_variant_changes_nothing_of_its_model_and_has_a_gradient() -> None:
    made = with_prior()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    variant = map_variant(made)
    images = noise(1, 1, 24, 20).requires_grad_()
    variant.run(images).logits.square().sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(made.state_dict()[name].equal(value) for name, value in before.items())
    assert not isinstance(made.quantiser, MapQuantiser)


def test_a_run_shows_each_model_with_a_prior_twice_and_the_rows_of_the_models_stay(tmp_path: Path) -> None:
    models = {"vq": with_prior(), "plain": model("none")}
    run = robustq.stress(models, decode="map", out=tmp_path / "run", **ASKED)
    assert run.models == ["vq", "vq@map", "plain"]
    assert "chosen by distance and prior together" in "".join(run.spec("vq@map").remarks)
    without = robustq.stress(models, **ASKED).to_frame()
    rows = run.to_frame()
    kept = rows[rows["model"] != "vq@map"].reset_index(drop=True)
    assert kept.equals(without.reset_index(drop=True))
    assert "vq@map" in str(run.summary())
    with pytest.raises(RequestError):
        robustq.stress(models, out=tmp_path / "run", **ASKED)


def test_decoding_with_a_prior_is_refused_where_there_is_none() -> None:
    with pytest.raises(RequestError, match="none of the models has a prior"):
        robustq.stress({"vq": model()}, decode="map", **ASKED)
    with pytest.raises(RequestError, match="unknown decode"):
        robustq.stress({"vq": model()}, decode="viterbi", **ASKED)
    with pytest.raises(RequestError, match="vq@map would name a model and a variant"):
        robustq.stress({"vq": with_prior(), "vq@map": model()}, decode="map", **ASKED)


def test_a_quantiser_on_the_sphere_is_decoded_there() -> None:
    made = robustq.wrap("unet", "cosine:16x4", width=4, scales=2, groups=2).eval()
    made.prior = CodePrior(16).eval()
    made.prior.variance.fill_(0.1)
    images = noise(1, 1, 16, 16)
    with torch.no_grad():
        assert map_variant(made).run(images).codes.equal(made.run(images).codes)
