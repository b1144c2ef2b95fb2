"""Networks as strangers write them, and what must be left as it was when they are wrapped."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import robustq
from networks import noise, small
from robustq.model.weights import load_weights
from robustq.quantiser import usage
from robustq.request.quantise import Quantise


class Attributes(OrderedDict):  # type: ignore[type-arg]
    """A mapping whose entries are attributes too, as encoders of some libraries return."""

    def __getattr__(self, name: str) -> object:
        return self[name]


class Encoder(nn.Module):
    def __init__(self, give: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.fine, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.coarse = nn.Conv2d(4, 8, 4, stride=4)
        self.give = give

    def forward(self, images: Tensor) -> object:
        fine = self.norm(self.fine(images))
        return self.give(fine, self.coarse(fine))


class Net(nn.Module):
    """An encoder that gives what it likes, a decoder that takes it, and an output of any structure."""

    def __init__(
        self,
        give: Callable[[Tensor, Tensor], object] = lambda fine, coarse: [fine, coarse],
        take: Callable[..., tuple[Tensor, Tensor]] = lambda given: given,
        answer: Callable[[Tensor, Tensor], object] = lambda scores, edge: scores,
    ) -> None:
        super().__init__()
        self.encoder, self.up, self.head = Encoder(give), nn.ConvTranspose2d(8, 4, 4, stride=4), nn.Conv2d(8, 2, 1)
        self.edge = nn.Conv2d(4, 2, 1)
        self.take, self.answer = take, answer

    def forward(self, images: Tensor) -> object:
        fine, coarse = self.take(self.encoder(images))
        return self.answer(self.head(torch.cat([fine, self.up(coarse)], 1)), self.edge(fine))


IMAGE = noise(2, 1, 16, 16)


@pytest.mark.parametrize(
    "answer",
    [
        lambda scores, edge: {"loss": None, "out": scores},
        lambda scores, edge: (None, scores),
        lambda scores, edge: {"edge": edge, "out": scores},
    ],
)
def test_an_output_may_begin_with_what_the_bottleneck_has_no_part_in(answer: Callable[..., object]) -> None:
    model = robustq.wrap(Net(answer=answer), "8x4", example=IMAGE)
    assert model.spec.site == "encoder"
    assert model.run(IMAGE).codes.shape == (2, 1, 4, 4)


def test_an_encoders_mapping_keeps_its_kind_and_its_attributes() -> None:
    network = Net(lambda fine, coarse: Attributes(fine=fine, coarse=coarse), lambda given: (given.fine, given.coarse))
    model = robustq.wrap(network, "8x4", at="encoder", example=IMAGE)
    assert model.run(IMAGE).codes.shape == (2, 1, 4, 4)
    plain = robustq.wrap(network, "none", at="encoder", example=IMAGE).eval()
    assert plain(IMAGE).equal(network.eval()(IMAGE))


class Unpooling(nn.Module):
    """As SegNet: the indices of a pool have the shape of a feature map, and are none."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 2, 1)
        self.pool, self.unpool = nn.MaxPool2d(4, return_indices=True), nn.MaxUnpool2d(4)

    def forward(self, images: Tensor) -> Tensor:
        pooled, indices = self.pool(self.one(images))
        return self.head(self.unpool(self.two(pooled), indices))


@pytest.mark.parametrize("at", [None, "pool"])
def test_the_indices_of_a_pool_are_no_feature_map(at: str | None) -> None:
    assert robustq.wrap(Unpooling(), "8x4", at=at, example=IMAGE).run(IMAGE).codes.shape == (2, 1, 4, 4)


@pytest.mark.parametrize("trains", [True, False])
def test_wrapping_leaves_every_module_in_the_mode_it_was_in(trains: bool) -> None:
    network = Net().train(trains)
    network.encoder.norm.train(not trains)  # frozen statistics in training, or the reverse
    before = {name: module.training for name, module in network.named_modules()}
    model = robustq.wrap(network, "gumbel:8x4", copy=False, example=IMAGE)
    assert {name: module.training for name, module in network.named_modules()} == before
    assert model.training == trains
    assert all(module.training == trains for module in model.bottlenecks.modules())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_dtype_is_wrapped_in_it(dtype: torch.dtype) -> None:
    network, image = Net().to(dtype), IMAGE.to(dtype)
    model = robustq.wrap(network, "8x4", example=image)
    assert model.run(image).logits.dtype == dtype
    assert model.spec.multiple == robustq.wrap(Net(), "8x4", example=IMAGE).spec.multiple == 4


def test_a_look_at_embeddings_between_forward_and_backward_loses_no_loss() -> None:
    model = small("8x4")
    parts = model.run(IMAGE)
    model.encode(IMAGE[:1] + 1)
    assert model.quantiser_loss is not None
    assert model.quantiser_loss.equal(parts.quantiser_loss)
    assert model.codes.equal(parts.codes)


@pytest.mark.parametrize("started", [True, False])
def test_an_overflow_in_one_batch_leaves_the_averages_of_ema_finite(started: bool) -> None:
    quantiser = Quantise.parse("ema:8x4").build().train()
    if started:
        quantiser(noise(2, 4, 4, 4))
    bad = noise(2, 4, 4, 4, seed=1)
    bad[0, 0, 0, 0], bad[1, 2, 3, 3] = torch.inf, torch.nan
    quantiser(bad)
    assert all(value.isfinite().all() for value in quantiser.state_dict().values())
    quantiser(torch.full((1, 4, 2, 2), torch.nan))
    assert all(value.isfinite().all() for value in quantiser.state_dict().values())
    codes = quantiser(noise(2, 4, 4, 4, seed=2)).codes
    assert len(codes.unique()) > 1


@pytest.mark.parametrize(
    "quantise", ["vq:8x4", "ema:8x4", "cosine:8x4", "residual:2x8x4", "gumbel:8x4", "fsq:5x5", "lfq:3"]
)
def test_codes_of_what_is_no_number_are_codes_all_the_same(quantise: str) -> None:
    quantiser = Quantise.parse(quantise).build().eval()
    codes = quantiser(torch.full((1, quantiser.dimension, 2, 2), torch.nan)).codes
    assert usage(codes, quantiser.capacity[1]).sum() == codes.numel()


@pytest.mark.parametrize(("prefix", "beside"), [("model.", "criterion.weight"), ("module.", "n_averaged")])
def test_a_checkpoint_may_hold_other_weights_beside_the_networks(prefix: str, beside: str, tmp_path: Path) -> None:
    trained, fresh = Net(), Net()
    state = {prefix + name: value for name, value in trained.state_dict().items()}
    torch.save({"state_dict": {beside: torch.ones(2), **state}}, tmp_path / "trained.pt")
    loaded = load_weights(fresh, tmp_path / "trained.pt")
    assert all(value.equal(fresh.state_dict()[name]) for name, value in trained.state_dict().items())
    assert loaded.unused == (beside,)


def test_the_state_dict_of_a_wrapped_network_is_a_checkpoint_of_it(tmp_path: Path) -> None:
    model, other = small("8x4", seed=1), small("8x4", seed=2)
    torch.save(model.state_dict(), tmp_path / "wrapped.pt")
    loaded = load_weights(other.network, tmp_path / "wrapped.pt")
    assert not loaded.missing
    assert all(value.equal(model.network.state_dict()[name]) for name, value in other.network.state_dict().items())
