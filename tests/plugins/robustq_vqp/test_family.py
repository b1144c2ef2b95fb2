"""The adapter to vector-quantize-pytorch: the library's own answers, under our contract."""

import sys
from pathlib import Path

import pytest
from vector_quantize_pytorch import GroupedResidualVQ

import robustq
from networks import noise, small
from robustq import registry
from robustq.errors import RequestError
from robustq.request.quantise import Quantise

NUMBERS = {"Q": "2", "G": "2", "K": "16", "D": "6", "L": "5", "...": "4", "BITS": "5"}
FAMILY = {
    name: f"{name}:{'x'.join(NUMBERS[part] for part in registry.load('quantisers', name).grammar.split('x'))}"
    for name in registry.names("quantisers")
    if name.startswith("vqp:")
}


@pytest.mark.parametrize("name", FAMILY)
def test_the_librarys_answer_reaches_us_unchanged(name: str) -> None:
    made = Quantise.parse(FAMILY[name]).build().eval()
    embedding = noise(2, made.dimension, 4, 3)
    result = made(embedding)
    value, indices, *_ = made.library(embedding.movedim(1, -1).flatten(1, 2))
    assert result.quantised.movedim(1, -1).flatten(1, 2).equal(value)
    stages, _ = made.capacity
    assert result.codes.shape == (2, stages, 4, 3)
    # One stage at a time: a stage's codes are one entry of the library's last axis, or of group and last axis.
    table = indices.reshape(-1, 24, stages // (len(indices) if indices.ndim == 4 else 1))
    for stage, codes in enumerate(result.codes.flatten(2).unbind(1)):
        group, place = divmod(stage, table.shape[2])
        assert codes.flatten().equal(table[group, :, place].long())


@pytest.mark.parametrize("name", FAMILY)
def test_in_training_the_gradient_reaches_the_embedding_and_every_weight_that_learns(name: str) -> None:
    made = Quantise.parse(FAMILY[name]).build().train()
    embedding = noise(2, made.dimension, 4, 3).requires_grad_()
    result = made(embedding)
    loss = result.quantised.square().sum() + result.loss
    loss.backward()
    assert loss.isfinite()
    assert embedding.grad.abs().sum() > 0
    assert all(weight.grad is not None for weight in made.parameters())


def test_a_trained_bundle_loads_back_bit_for_bit(tmp_path: Path) -> None:
    model = small("vqp:residual-vq:2x16x6,threshold_ema_dead_code=2").train()
    before = model.quantiser.vectors.clone()
    model.run(noise(2, 1, 24, 24))
    assert not model.quantiser.vectors.equal(before), "its moving average has moved"
    model.eval().save(tmp_path / "m.safetensors")
    images = noise(2, 1, 24, 24, seed=9)
    assert robustq.load(tmp_path / "m.safetensors")(images).equal(model(images))


def test_settings_go_to_the_library_by_their_own_names() -> None:
    made = Quantise.parse("vqp:vq:16x6,use_cosine_sim=true,decay=0.9").build()
    assert made.library.use_cosine_sim is True
    assert made.library._codebook.decay == 0.9
    assert made.vectors is None, "its search is no longer in the embedding's space"
    assert Quantise.parse("vqp:vq:16x6,decay=0.9").build().vectors.shape == (1, 16, 6)


def test_groups_and_stages_are_counted_together() -> None:
    made = Quantise.parse("vqp:grouped-residual-vq:3x2x8x6").build()
    assert isinstance(made.library, GroupedResidualVQ)
    assert made.capacity == (6, 8)
    assert made.vectors is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vqp:vq", "gives no size: write vqp:vq:NUMBERS"),
        ("vqp:vqq:16x6", "did you mean vqp:vq"),
        ("vqp:vq:16", "vqp:vq takes KxD"),
        ("vqp:residual-fsq:2", "takes QxLx..."),
        ("vqp:vq:16x6,heads=2", "vqp:vq:16x6 does not take heads: its shapes follow from the numbers"),
        ("vqp:vq:16x6,kmeans_init=1", "use ema:KxD"),
        ("vqp:vq:16x6,colour=red", "vqp:vq:16x6 cannot be built: .*colour"),
        ("vqp:grouped-residual-vq:4x2x8x6", "vqp:grouped-residual-vq:4x2x8x6 cannot be built"),
        ("vqp:lfq:30", "has 1,073,741,824 codes"),
    ],
)
def test_what_the_library_does_not_take_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Quantise.parse(text).build()


def test_without_the_library_the_pip_line_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "robustq_vqp.family", raising=False)
    monkeypatch.setitem(sys.modules, "vector_quantize_pytorch", None)
    words = r"'vqp:vq' needs the library vector_quantize_pytorch: pip install 'robustq\[vq\]'"
    with pytest.raises(RequestError, match=words):
        Quantise.parse("vqp:vq:16x6").build()
