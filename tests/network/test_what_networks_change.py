"""Networks that change their input, maps or lists have the figures of the same network that does not."""

from collections.abc import Callable

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import robustq
from networks import noise
from robustq.latent.tangents import tangents
from robustq.model.describe import describe
from robustq.network.intervention import intervention
from robustq.network.named_site import features_at
from robustq.network.site_search import find_bottleneck

IMAGE = noise(2, 1, 16, 16)


class Normalising(nn.Module):
    """Scales its input, in place or not; the same function either way."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place
        self.down, self.up = nn.Conv2d(1, 4, 4, 4), nn.ConvTranspose2d(4, 2, 4, 4)

    def forward(self, images: Tensor, *, shift: Tensor | None = None) -> Tensor:
        images = images.sub_(0.5).div_(0.3) if self.in_place else (images - 0.5) / 0.3
        if shift is not None:
            images = images + (shift.mul_(2) if self.in_place else shift * 2)
        return self.up(self.down(images))


def pair(make: Callable[[bool], nn.Module], quantise: str = "8x3", **arguments: object) -> list[robustq.Segmenter]:
    """The segmenters of the network that works in place and of the one that does not, with the same weights."""
    made = []
    for in_place in (True, False):
        torch.manual_seed(0)
        made.append(robustq.wrap(make(in_place), quantise, example=IMAGE, **arguments).eval())
    return made


@pytest.mark.parametrize("size", [(16, 16), (15, 13)])
def test_a_network_gets_its_own_copy_of_the_images(size: tuple[int, int]) -> None:
    images = noise(2, 1, *size)
    kept = images.clone()
    changing, plain = pair(Normalising, at="down")
    with torch.no_grad():
        assert changing.run(images).logits.equal(plain.run(kept).logits)
        assert changing.encode(images).equal(plain.encode(kept))
        assert changing(changing.pad(images)).equal(plain(plain.pad(kept)))
    assert images.equal(kept)


def test_tensors_given_by_keyword_are_copied_too() -> None:
    changing, plain = pair(Normalising, at="down")
    shift = noise(2, 1, 16, 16, seed=1)
    kept = shift.clone()
    assert changing(IMAGE, shift=shift).equal(plain(IMAGE, shift=shift))
    assert shift.equal(kept)


def test_the_copy_lets_gradients_and_tangents_through() -> None:
    changing, plain = pair(Normalising, "identity:3", at="down")
    gradients = []
    for model in (changing, plain):
        images = IMAGE.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model.run(images).logits.square().sum(), images)
        gradients.append(gradient)
    assert gradients[0].equal(gradients[1])
    shifts = [tangents(model, IMAGE[0], noise(3, 1, 16, 16, seed=2), axis=None) for model in (changing, plain)]
    assert shifts[0].equal(shifts[1])


def test_looking_at_a_network_changes_no_image() -> None:
    network, images = Normalising(True).eval(), IMAGE.clone()
    find_bottleneck(network, images)
    features_at(network, "down", images)
    intervention(network, "down", images)
    assert images.equal(IMAGE)


class FourClasses(Normalising):
    def __init__(self, in_place: bool) -> None:
        super().__init__(in_place)
        self.up = nn.ConvTranspose2d(4, 4, 4, 4)


def test_runs_of_a_network_in_place_have_the_rows_of_the_one_out_of_place() -> None:
    asked = {"data": "phantom:cases=1", "noise": ["gaussian"], "levels": [0, 10], "draws": 2}
    changing, plain = (
        [
            robustq.stress({"m": model}, attack=["pgd"], **asked).to_frame().value,
            robustq.analyse({"m": model}, **asked).to_frame().value,
        ]
        for model in pair(FourClasses, at="down", classes=4)
    )
    for one, other in zip(changing, plain, strict=True):
        assert len(one)
        pd.testing.assert_series_equal(one, other, check_exact=True)


class Activated(nn.Module):
    """An activation in place after the site, which changes the site's own output; and an encoder with a list."""

    def __init__(self, in_place: bool, *, as_list: bool = False) -> None:
        super().__init__()
        self.encoder = Pyramid() if as_list else nn.Conv2d(1, 4, 4, 4)
        self.activation = nn.ReLU(inplace=in_place)
        self.up, self.head = nn.ConvTranspose2d(4, 2, 4, 4), nn.Conv2d(3, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.encoder(images)
        if isinstance(maps, Tensor):
            return self.up(self.activation(maps))
        fine, coarse = (self.activation(feature) for feature in maps)
        return self.head(torch.cat([fine, self.up(coarse)], 1))


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 4, 4, 4)

    def forward(self, images: Tensor) -> list[Tensor]:
        fine = self.fine(images)
        return [fine, self.coarse(fine)]


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("quantise", ["none", "8x3"])
def test_an_embedding_is_kept_before_later_layers_change_it_in_place(quantise: str, as_list: bool) -> None:
    changing, plain = pair(lambda in_place: Activated(in_place, as_list=as_list), quantise, at="encoder")
    with torch.no_grad():
        one, other = changing.run(IMAGE), plain.run(IMAGE)
        assert one.embedding.equal(other.embedding)
        assert one.embedding.equal(changing.encode(IMAGE))
        assert one.quantised.equal(other.quantised)
        assert one.logits.equal(other.logits)
        assert (one.embedding < 0).any()
        with changing.bypassed(), plain.bypassed():
            assert changing.run(IMAGE).embedding.equal(plain.run(IMAGE).embedding)
    for first, second in zip(
        features_at(changing.network, "encoder", IMAGE), features_at(plain.network, "encoder", IMAGE), strict=True
    ):
        assert first.equal(second)


class Popping(nn.Module):
    """Its decoder empties, reverses or extends the encoder's list; computed by hand in `expected`."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.encoder = how, Pyramid()
        self.up, self.head = nn.ConvTranspose2d(4, 2, 4, 4), nn.Conv2d(3, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.encoder(images)
        if self.how == "pop":
            coarse, fine = maps.pop(), maps.pop()
        elif self.how == "reverse":
            maps.reverse()
            coarse, fine = maps
        else:
            coarse, fine = maps[-1], maps[0]
            maps.append(self.head(torch.cat([fine, self.up(coarse)], 1)))
            return maps[-1]
        return self.head(torch.cat([fine, self.up(coarse)], 1))


@pytest.mark.parametrize("how", ["pop", "reverse", "append"])
@pytest.mark.parametrize("at", [None, "encoder"])
def test_features_are_looked_at_before_a_decoder_changes_the_encoders_list(how: str, at: str | None) -> None:
    network = Popping(how)
    assert [tuple(feature.shape) for feature in features_at(network, "encoder", IMAGE)] == [
        (2, 1, 16, 16),
        (2, 4, 4, 4),
    ]
    model = robustq.wrap(network, "8x3", at=at, example=IMAGE).eval()
    assert model.spec.site == "encoder"
    with torch.no_grad():
        parts = model.run(IMAGE)
        fine, coarse = Pyramid.forward(model.network.encoder, IMAGE)
        bottleneck = model.bottlenecks[0]
        embedding = bottleneck.project_in(coarse)
        put = bottleneck.project_out(bottleneck.quantiser(embedding).quantised)
        expected = model.network.head(torch.cat([fine, model.network.up(put)], 1))
    assert parts.embedding.equal(embedding)
    assert parts.logits.equal(expected)
    assert describe(model, (16, 16)).embedding == (3, 4, 4)


STORE: dict[str, Tensor] = {}


class Storing(nn.Module):
    """The decoder reads what a hook of the network has stored: in the module, the network, or an attribute."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 4, 4, 4), nn.ConvTranspose2d(4, 2, 4, 4)
        self.where, self.store, self.last = where, {}, None
        store = self.store
        hooks = {
            "module": lambda module, inputs, output: STORE.__setitem__("maps", output),
            "dictionary": lambda module, inputs, output: store.__setitem__("maps", output),
            "network": lambda module, inputs, output: setattr(self, "last", output),
            "default": lambda module, inputs, output, *, kept=store: kept.__setitem__("maps", output),
        }
        self.down.register_forward_hook(hooks[where])

    def forward(self, images: Tensor) -> Tensor:
        self.down(images)
        stored = {"module": STORE.get("maps"), "network": self.last}.get(self.where, self.store.get("maps"))
        return self.up(stored)


@pytest.mark.parametrize("where", ["module", "dictionary", "network", "default"])
@pytest.mark.parametrize("copy", [True, False])
def test_the_cut_reaches_what_the_networks_own_hooks_store(where: str, copy: bool) -> None:
    network = Storing(where)
    model = robustq.wrap(network, "8x3", at="down", example=IMAGE, copy=copy).eval()
    plain = F.conv2d(IMAGE, network.down.weight, network.down.bias, stride=4)
    with torch.no_grad():
        bottleneck = model.bottlenecks[0]
        put = bottleneck.project_out(bottleneck.quantiser(bottleneck.project_in(plain)).quantised)
        torch.testing.assert_close(model.run(IMAGE).logits, network.up(put))
        network.down.weight.zero_()
        changed = model.run(IMAGE).logits
    assert changed.equal(model.run(IMAGE).logits)
    if copy:
        torch.testing.assert_close(changed, network.up(put), msg="the copy has weights of its own")


def test_a_stressed_copy_stores_in_itself_and_not_in_the_callers_network() -> None:
    class Four(Storing):
        def __init__(self) -> None:
            super().__init__("dictionary")
            self.up = nn.ConvTranspose2d(4, 4, 4, 4)

    torch.manual_seed(0)
    model = robustq.wrap(Four(), "8x3", at="down", classes=4, example=IMAGE, copy=False).eval()
    model.run(IMAGE)
    kept = model.network.store["maps"]
    run = robustq.stress({"m": model}, "phantom:cases=2", levels=[0, 30], draws=1)
    assert model.network.store["maps"] is kept
    dice = run.to_frame().query("metric == 'dice'")
    assert dice.groupby("case").value.nunique().min() > 1, "a stored map of another pass would give equal answers"
