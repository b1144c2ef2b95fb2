import copy
import pickle

import pytest
import torch

import robustq
from networks import Strangers, noise, small
from robustq.errors import RequestError
from robustq_unet.unet import UNet


@pytest.mark.parametrize("dims", [2, 3])
def test_with_none_the_outputs_are_the_wrapped_networks_bit_for_bit(dims: int) -> None:
    network = UNet(dims=dims, width=4, scales=2, groups=2).eval()
    images = noise(2, 1, *[9] * dims)
    wrapped = robustq.wrap(network, "none", dims=dims, example=images).eval()
    with torch.no_grad():
        assert wrapped(images).equal(network(images))
    assert wrapped.quantiser_loss.item() == 0
    assert wrapped.codes is None


@pytest.mark.parametrize("quantise", ["identity:4", "16x4"])
def test_the_parts_of_a_pass_put_together_by_hand_give_its_output(quantise: str) -> None:
    model, images = small(quantise), noise(2, 1, 12, 10)
    plain = copy.deepcopy(model.network)
    plain.encoder._forward_hooks.clear()
    bottleneck = model.bottlenecks[0]
    with torch.no_grad():
        parts = model.run(images)
        *skips, features = plain.encoder(images)
        embedding = bottleneck.project_in(features)
        quantised = bottleneck.quantiser(embedding)
        logits = plain.head(plain.decoder([*skips, bottleneck.project_out(quantised.quantised)]))
    assert parts.embedding.equal(embedding)
    assert parts.quantised.equal(quantised.quantised)
    assert parts.logits.equal(logits)
    assert parts.output.equal(logits)
    assert parts.quantiser_loss.equal(quantised.loss)


def test_every_token_of_z_q_is_the_codebook_vector_of_its_code() -> None:
    model = small("16x4", dims=3)
    with torch.no_grad():
        parts = model.run(noise(1, 1, 7, 6, 5))
    assert parts.codes.shape == (1, 1, *parts.embedding.shape[2:])
    assert parts.quantised.equal(model.quantiser.vectors[0][parts.codes[:, 0]].movedim(-1, 1))


def test_encoding_stops_before_the_decoder() -> None:
    model, images = small(), noise(1, 1, 8, 8)
    ran = []
    model.network.decoder.register_forward_hook(lambda *_: ran.append(True))
    with torch.no_grad():
        embedding = model.encode(images)
        assert not ran
        assert embedding.equal(model.run(images).embedding)
    assert ran


def test_the_quantisers_loss_keeps_its_graph_and_reaches_codebook_and_encoder() -> None:
    model = small().train()
    model(noise(1, 1, 8, 8))
    model.quantiser_loss.backward()
    assert model.quantiser.codebook.grad.abs().sum() > 0
    assert model.network.encoder.entries[0].weight.grad.abs().sum() > 0
    assert model.network.head[-1].weight.grad is None


def test_a_strangers_criterion_gets_the_quantisers_loss_added() -> None:
    model = small().train()
    criterion = robustq.QuantisedLoss(torch.nn.CrossEntropyLoss(), model)
    target = torch.zeros(1, 8, 8, dtype=torch.long)
    logits = model(noise(1, 1, 8, 8))
    loss = criterion(logits, target)
    expected = torch.nn.functional.cross_entropy(logits, target) + model.quantiser_loss
    assert loss.equal(expected)
    assert not list(criterion.parameters())


def test_a_strangers_network_keeps_its_signature_and_its_output_structure() -> None:
    network, images = Strangers().eval(), noise(2, 1, 8, 6)
    wrapped = robustq.wrap(network, "8x3", at="down", example=images).eval()
    with torch.no_grad():
        assert set(wrapped(images, scale=2.0)) == {"out", "aux"}
        parts = wrapped.run(images)
    assert parts.logits.equal(parts.output["out"])
    assert parts.embedding.shape == (2, 3, 4, 3)


def test_a_network_is_copied_unless_it_is_to_be_shared() -> None:
    network, images = Strangers().eval(), noise(1, 1, 8, 6)
    before = network(images)["out"]
    robustq.wrap(network, "8x3", at="down", example=images)
    assert network(images)["out"].equal(before)
    shared = robustq.wrap(network, "8x3", at="down", example=images, copy=False)
    assert shared.network is network


def test_a_copy_is_independent_even_after_a_pass_with_a_graph() -> None:
    model, images = small(), noise(1, 1, 8, 8)
    model(images)
    twin = copy.deepcopy(model)
    pickle.dumps(model.state_dict())
    with torch.no_grad():
        twin.quantiser.codebook.add_(1)
        before, after = model(images), twin(images)
    assert not before.equal(after)
    assert twin.quantiser_loss is not model.quantiser_loss


def test_dropped_skips_leave_the_decoder_a_function_of_the_bottleneck_alone() -> None:
    model = small(skips="drop")
    with torch.no_grad():
        model.bottlenecks[0].project_out.weight.zero_()
        first, second = model(noise(1, 1, 8, 8)), model(noise(1, 1, 8, 8, seed=1))
    assert first.equal(second)


def test_quantised_skips_have_quantisers_of_their_own_and_their_loss_is_added() -> None:
    model = small("16x4", skips="quantise", scales=3)
    assert len(model.bottlenecks) == 3
    model.train()(noise(1, 1, 16, 16))
    whole = model.quantiser_loss
    whole.backward()
    assert all(bottleneck.quantiser.codebook.grad.abs().sum() > 0 for bottleneck in model.bottlenecks)


def test_the_matched_baseline_has_the_same_projections_and_no_codebook() -> None:
    model = small()
    baseline = model.without_quantiser()
    extra = model.quantiser.codebook.numel()
    assert str(baseline.spec.quantise) == "identity:4"
    assert sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in baseline.parameters()) == extra
    assert baseline.codes is None


def test_a_baseline_with_the_weights_kept_says_that_it_was_not_trained_this_way() -> None:
    model, images = small(), noise(1, 1, 8, 8)
    baseline = model.without_quantiser(keep_weights=True)
    assert any("not trained this way" in remark for remark in baseline.spec.status)
    with torch.no_grad():
        assert baseline.encode(images).equal(model.encode(images))
        assert not baseline(images).equal(model(images))
    with pytest.raises(RequestError, match="no quantiser to take out"):
        small("none").without_quantiser()


def test_a_baseline_of_a_strangers_network_starts_from_fresh_weights() -> None:
    images = noise(1, 1, 8, 6)
    model = robustq.wrap(Strangers(), "8x3", at="down", example=images)
    baseline = model.without_quantiser()
    assert not baseline.network.up.weight.equal(model.network.up.weight)
    assert model.codes is None or model(images) is not None  # the model still has its hook
    model.eval()(images)
    assert model.codes is not None


def test_fresh_weights_depend_on_the_seed_alone_and_leave_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    first, same, other = small(seed=1), small(seed=1), small(seed=2)
    assert torch.get_rng_state().equal(state)
    key = "network.head.2.weight"
    assert first.state_dict()[key].equal(same.state_dict()[key])
    assert not first.state_dict()[key].equal(other.state_dict()[key])


def test_it_works_under_jvp_and_autocast() -> None:
    model, images = small("identity:4"), noise(1, 1, 8, 8)
    direction = noise(1, 1, 8, 8, seed=1)
    _, shift = torch.func.jvp(model.encode, (images,), (direction,))
    step = 1e-3
    with torch.no_grad():
        difference = (model.encode(images + step * direction) - model.encode(images - step * direction)) / (2 * step)
    torch.testing.assert_close(shift, difference, rtol=1e-2, atol=1e-3)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        assert small().run(images).quantiser_loss.dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"network": "unett"}, "unknown architecture 'unett': did you mean unet?"),
        ({"network": "unet", "at": "encodr"}, "unknown site 'encodr': did you mean encoder"),
        ({"network": "unet", "depth": 3}, "does not take all of these settings"),
        ({"network": "unet", "skips": "kep"}, "unknown skips 'kep': did you mean keep"),
        ({"network": "unet", "quantise": "none", "skips": "quantise"}, "no quantiser to use"),
        ({"network": "unet", "at": "head", "skips": "drop"}, "needs a site that gives a list"),
        ({"network": "unet", "classes": 0}, "classes=0"),
        ({"network": "unet", "answer": "softmax", "classes": 1}, "2 output channels or more"),
        ({"network": Strangers()}, "needs example=x"),
        (
            {"network": Strangers(), "example": torch.zeros(1, 3, 8, 8), "at": "down"},
            "does not run on an input of 1 × 3",
        ),
        (
            {"network": Strangers(), "example": torch.zeros(1, 1, 8, 8), "at": "down", "dims": 3},
            "dims=3 was given, and the network's example has 2: give dims=2, or leave it out",
        ),
        (
            {"network": Strangers(), "example": torch.zeros(1, 3, 8, 8), "at": "down", "in_channels": 3},
            "does not run on an input of 1 × 3",
        ),
        ({"network": Strangers(), "example": torch.zeros(1, 1, 8, 8), "at": "down", "width": 4}, "given by name"),
    ],
)
def test_what_cannot_be_wrapped_is_refused_in_words(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        robustq.wrap(**arguments)


class Answers(torch.nn.Module):
    """A stranger's network whose answer is not what was asked for."""

    def __init__(self, classes: int, entry: str | None = None) -> None:
        super().__init__()
        self.down, self.up = torch.nn.Conv2d(1, 4, 4, 4), torch.nn.ConvTranspose2d(4, classes, 4, 4)
        self.entry = entry

    def forward(self, images: torch.Tensor) -> object:
        scores = self.up(self.down(images))
        return scores if self.entry is None else {self.entry: scores, "other": images}


@pytest.mark.parametrize(
    ("network", "classes", "words"),
    [
        (Answers(5), 2, "classes=2 was given, and the network's output has 5: give classes=5, background included"),
        (Answers(2, "logits"), None, "no entry 'out', only logits, other: give a network that returns its scores"),
    ],
)
def test_a_strangers_network_whose_answer_cannot_be_read_is_refused_at_once(
    network: Answers, classes: int | None, words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        robustq.wrap(network, "8x4", at="down", classes=classes, example=noise(1, 1, 16, 16))
    assert robustq.wrap(Answers(2, "out"), "8x4", at="down", example=noise(1, 1, 16, 16)).eval()


def test_classes_number_the_labels_of_a_preparation_that_names_none() -> None:
    small_unet = {"width": 4, "scales": 2, "groups": 2}
    model = robustq.wrap("unet", "none", classes=4, preparation=robustq.Preparation(size=(16, 16)), **small_unet)
    assert model.spec.labels == ("1", "2", "3")
    assert model.spec.preparation.size == (16, 16)
    one = robustq.wrap("unet", "none", classes=1, preparation=robustq.Preparation(size=(16, 16)), **small_unet)
    assert one.spec.labels == ("1",)
    named = robustq.Preparation(labels=((1, "lung"), (2, "heart")))
    with pytest.raises(RequestError, match=r"change classes \(--classes\) or the labels \(--labels\)"):
        robustq.wrap("unet", "none", classes=4, preparation=named, **small_unet)
