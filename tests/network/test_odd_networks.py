"""Networks with unusual weights, dtypes, attributes and outputs: each works, or is refused in a sentence."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import robustq
from networks import noise
from robustq.errors import RequestError
from robustq.model.spec import BOUNDED
from robustq.model.weights import load_weights

IMAGE = noise(2, 1, 16, 16)


class Net(nn.Module):
    """A small encoder-decoder; subclasses change one thing."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.down, self.mid = nn.Conv2d(1, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)
        self.head = nn.Conv2d(4, classes, 1)

    def forward(self, images: Tensor) -> Any:
        return F.interpolate(self.head(self.mid(self.down(images).relu())), images.shape[2:], mode="bilinear")


def wrapped(network: nn.Module, quantise: str = "8x3", *, classes: int = 4, **arguments: Any) -> robustq.Segmenter:
    return robustq.wrap(network, quantise, at="mid", classes=classes, example=IMAGE, **arguments).eval()


def rows(model: robustq.Segmenter, **asked: Any) -> list[float]:
    asked = {"noise": ["gaussian"], "levels": [0, 10], "draws": 2} | asked
    return robustq.stress({"m": model}, "phantom:cases=1", **asked).to_frame().value.tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("quantise", ["8x3", "ema:8x3", "cosine:8x3", "gumbel:8x3", "fsq:5x5", "lfq:3", "none"])
def test_a_network_of_any_dtype_is_saved_loaded_and_stressed_in_it(
    dtype: torch.dtype, quantise: str, tmp_path: Path
) -> None:
    network = Net().to(dtype)
    model = wrapped(network, quantise)
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=network)
    fresh = robustq.load(tmp_path / "m.safetensors", module=Net())  # the factory gives float32
    with torch.no_grad():
        expected = model.run(IMAGE).logits
        assert expected.dtype == dtype
        assert model.run(IMAGE.to(dtype)).logits.equal(expected)
        assert again.run(IMAGE).logits.equal(expected)
        assert fresh.run(IMAGE).logits.equal(expected)
    if quantise in ("8x3", "none"):
        assert len(rows(model, attack=["pgd"]))
        robustq.analyse({"m": again}, "phantom:cases=1", noise=["gaussian"], levels=[10], draws=2)


def test_a_double_network_has_nearly_the_figures_of_the_float_network() -> None:
    network = Net()
    assert rows(wrapped(network.double())) == pytest.approx(rows(wrapped(network.float())), abs=0.05, nan_ok=True)


def test_a_named_architecture_in_half_precision_comes_back_in_it(tmp_path: Path) -> None:
    model = robustq.wrap("unet", "8x3", width=4, scales=2, groups=2).half().eval()
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors")
    assert {tensor.dtype for tensor in again.parameters()} == {torch.float16}
    assert all(value.equal(model.state_dict()[name]) for name, value in again.state_dict().items())


def test_a_network_of_two_dtypes_keeps_both(tmp_path: Path) -> None:
    class Mixed(Net):
        def forward(self, images: Tensor) -> Tensor:
            features = self.mid(self.down(images).relu())
            return F.interpolate(self.head(features.double()), images.shape[2:], mode="bilinear")

    network = Mixed()
    network.head.double()
    model = wrapped(network)
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=Mixed())
    assert again.run(IMAGE).logits.equal(model.run(IMAGE).logits)
    assert (again.network.down.weight.dtype, again.network.head.weight.dtype) == (torch.float32, torch.float64)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize(
    "norm",
    [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm],
)
def test_weights_under_a_norm_are_copied_saved_loaded_stressed_and_trained(norm: Any, tmp_path: Path) -> None:
    def make() -> Net:
        network = Net()
        norm(network.mid)
        return network

    network = make()
    network(IMAGE)  # after a pass, the weight has a graph
    model = wrapped(network)
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=make())
    with torch.no_grad():
        assert again.run(IMAGE).logits.equal(model.run(IMAGE).logits)
    assert rows(again) == rows(model)
    recipe = robustq.Recipe(epochs=1, augmentation=False, precision="fp32")
    trained = robustq.train(model, "phantom:cases=4", tmp_path / "t.safetensors", recipe)
    names = [name for name in model.state_dict() if name.startswith("network.mid.")]
    assert any(not trained.state_dict()[name].equal(model.state_dict()[name]) for name in names)
    with pytest.raises(RequestError, match="cannot draw fresh weights"):
        model.without_quantiser()


class Scaling(nn.Module):
    """Four times as large; it can be scripted, and also traced on an image, because it takes any channels."""

    def forward(self, features: Tensor) -> Tensor:
        return F.interpolate(features, scale_factor=4.0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [torch.jit.script, lambda network: torch.jit.trace(network, IMAGE)])
def test_torchscript_is_refused_and_a_scripted_part_is_not(make: Any) -> None:
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mid, self.up = nn.Conv2d(1, 4, 4, 4), nn.ConvTranspose2d(4, 4, 4, 4)

        def forward(self, images: Tensor) -> Tensor:
            return self.up(self.mid(images))

    for copy in (True, False):
        with pytest.raises(RequestError, match=r"is TorchScript, .* give the module that was scripted or traced"):
            robustq.wrap(make(Parts()), "8x3", classes=4, at="mid", example=IMAGE, copy=copy)
    partly = nn.Sequential(nn.Conv2d(1, 1, 1), Parts())
    partly[1].up = make(Scaling())
    assert robustq.wrap(partly, "8x3", classes=4, example=IMAGE).spec.site == "1.mid"
    with pytest.raises(RequestError, match=r"site '1\.up' is TorchScript, which cannot be cut"):
        robustq.wrap(partly, "8x3", classes=4, at="1.up", example=IMAGE)


@pytest.mark.parametrize("part", ["whole", "encoder", "in place"])
@pytest.mark.parametrize("used", [True, False])
def test_of_a_compiled_network_the_module_inside_is_wrapped(part: str, used: bool, tmp_path: Path) -> None:
    torch._dynamo.reset()
    network = Net().eval()
    plain = wrapped(network)
    compiled: Any = network
    if part == "whole":
        compiled = torch.compile(network, backend="eager")
    elif part == "encoder":
        network.mid = torch.compile(network.mid, backend="eager")
    else:
        network.compile(backend="eager")
    if used:
        with torch.no_grad():
            compiled(IMAGE)
    at = {"whole": "_orig_mod.mid", "encoder": "mid._orig_mod", "in place": "mid"}[part]
    for given in (at, "mid"):
        model = robustq.wrap(compiled, "8x3", at=given, classes=4, example=IMAGE).eval()
        assert model.spec.site == "mid"
        assert model.run(IMAGE).logits.equal(plain.run(IMAGE).logits)
    model.save(tmp_path / "m.safetensors")
    for module in (compiled, Net()):
        again = robustq.load(tmp_path / "m.safetensors", module=module)
        assert again.run(IMAGE).logits.equal(plain.run(IMAGE).logits)
    if part == "whole":
        assert robustq.wrap(compiled, "8x3", at="mid", classes=4, example=IMAGE, copy=False).network is network
    else:
        with pytest.raises(RequestError, match=r"modules of the network are compiled.*leave out copy=False"):
            robustq.wrap(compiled, "8x3", at="mid", classes=4, example=IMAGE, copy=False)


def test_an_attribute_that_cannot_be_copied_is_named_and_copy_false_needs_no_copy() -> None:
    network = Net()
    network.mid.lock = threading.Lock()
    with pytest.raises(RequestError, match=r"attribute 'lock' of its module 'mid'.*copy=False"):
        wrapped(network)
    assert wrapped(network, copy=False).run(IMAGE).codes is not None


class Fixed(nn.Module):
    """No parameter at all: label 1 where the image, averaged over 4 by 4 pixels, is above a half."""

    def __init__(self) -> None:
        super().__init__()
        self.mid = nn.AvgPool2d(4)

    def forward(self, images: Tensor) -> Tensor:
        mean = F.interpolate(self.mid(images), images.shape[2:]) - 0.5
        return torch.cat([-mean, mean, mean - 1, mean - 1], 1)


def test_a_network_without_parameters_is_wrapped_saved_stressed_and_not_trained(tmp_path: Path) -> None:
    model = wrapped(Fixed(), "none")
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=Fixed())
    expected = F.avg_pool2d(IMAGE, 4).repeat_interleave(4, 2).repeat_interleave(4, 3) > 0.5
    assert again.masks(again.run(IMAGE).logits)[:, :1].equal(expected)
    assert len(rows(again, attack=["pgd"]))
    robustq.analyse({"m": again}, "phantom:cases=1", noise=["gaussian"], levels=[10], draws=2)
    with pytest.raises(RequestError, match="no parameter that can be trained"):
        robustq.train(again, "phantom:cases=4", tmp_path / "t.safetensors", robustq.Recipe(epochs=1))


class Stateful(Net):
    """Keeps a state that is no tensor, and a mask of minus infinities."""

    def __init__(self, state: Any = None) -> None:
        super().__init__()
        self.state = state
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
        self.register_buffer("best", torch.tensor(torch.inf))

    def get_extra_state(self) -> Any:
        return self.state

    def set_extra_state(self, state: Any) -> None:
        self.state = state


@pytest.mark.parametrize("state", [{"steps": 3, "names": ["a", "b"]}, None, torch.tensor([1, 2])])
def test_extra_state_and_infinite_buffers_go_into_the_bundle_and_come_back(state: Any, tmp_path: Path) -> None:
    model = wrapped(Stateful(state))
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=Stateful("another"))
    assert str(again.network.state) == str(state)
    assert again.network.mask.tolist() == [0.0, -torch.inf]
    assert rows(again) == rows(model)
    recipe = robustq.Recipe(epochs=1, augmentation=False, precision="fp32")
    trained = robustq.train(again, "phantom:cases=4", tmp_path / "t.safetensors", recipe)
    assert str(trained.network.state) == str(state)
    network = Stateful("kept")
    loaded = load_weights(network, tmp_path / "m.safetensors")
    assert not loaded.missing
    assert network.state == "kept"


def test_extra_state_that_a_bundle_cannot_hold_is_refused_before_a_training(tmp_path: Path) -> None:
    model = wrapped(Stateful({1, 2}))
    words = r"network\._extra_state of this network is a set that JSON does not keep.*let get_extra_state return"
    with pytest.raises(RequestError, match=words):
        model.save(tmp_path / "m.safetensors")
    with pytest.raises(RequestError, match=words):
        robustq.train(model, "phantom:cases=4", tmp_path / "t.safetensors", robustq.Recipe(epochs=1))


@pytest.mark.parametrize("name", ["down.weight", "norm.running_var"])
def test_weights_and_learned_statistics_that_are_not_finite_are_refused_when_written(name: str, tmp_path: Path) -> None:
    network = Net()
    network.norm = nn.BatchNorm2d(4)
    model = wrapped(network)
    with torch.no_grad():
        model.network.state_dict()[name].view(-1)[0] = torch.inf
    with pytest.raises(RequestError, match=rf"NaN or infinite \(network\.{name}\)"):
        model.save(tmp_path / "m.safetensors")


def test_a_tensor_that_a_bundle_cannot_hold_is_refused_in_words(tmp_path: Path) -> None:
    network = Net()
    network.register_buffer("table", torch.eye(3).to_sparse())
    with pytest.raises(RequestError, match=r"a bundle cannot hold a tensor of this network .* dense tensor"):
        wrapped(network).save(tmp_path / "m.safetensors")


class Heads(Net):
    """Answers at full size, of which the bottleneck reaches only the last."""

    def __init__(self, give: Any, classes: int = 2) -> None:
        super().__init__(classes)
        self.side, self.give = nn.Conv2d(1, classes, 1), give

    def forward(self, images: Tensor) -> Any:
        return self.give(self.side(images), super().forward(images))


@pytest.mark.parametrize(
    "give",
    [
        lambda side, full: [side, full],
        lambda side, full: (None, side, side, full),
        lambda side, full: {"out": [side, full]},
    ],
)
def test_of_several_answers_at_full_size_the_one_asked_for_is_scored(give: Any, tmp_path: Path) -> None:
    network = Heads(give)
    with pytest.raises(RequestError, match=r"answers of the size of the image .*it is not known which one"):
        wrapped(network, classes=2)
    model = wrapped(network, classes=2, head=-1)
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=network)
    assert again.spec.head == -1
    with again.bypassed(), torch.no_grad():
        assert again.run(IMAGE).logits.equal(Net.forward(again.network, IMAGE))
    place = 2 if len(give(None, None)) == 4 else 0
    with pytest.raises(RequestError, match=r"changing what site 'mid' gives does not change the network's answer"):
        wrapped(network, classes=2, head=place)
    with pytest.raises(RequestError, match="has no entry 9"):
        wrapped(network, classes=2, head=9)


def test_an_answer_is_known_by_its_name() -> None:
    network = Heads(lambda side, full: {"side": side, "logits": full})
    with pytest.raises(RequestError, match=r"no entry 'out', only side, logits.*head=NAME"):
        wrapped(network, classes=2)
    assert wrapped(network, classes=2, head="logits").run(IMAGE).logits.shape == (2, 2, 16, 16)
    with pytest.raises(RequestError, match="no entry 'scores', it is side, logits"):
        wrapped(network, classes=2, head="scores")


def test_answers_of_other_channels_or_sizes_are_no_rivals() -> None:
    network = Heads(lambda side, full: [full, side[:, :1], full[:, :, ::2, ::2]])
    assert wrapped(network, classes=2).spec.head is None


def test_stacked_heads_have_the_full_answer_first_unless_another_is_asked_for() -> None:
    network = Heads(lambda side, full: torch.stack([full, side], 1))
    model = wrapped(network, classes=2)
    with model.bypassed():
        assert model.run(IMAGE).logits.equal(Net.forward(model.network, IMAGE))
    with pytest.raises(RequestError, match="does not change the network's answer"):
        wrapped(network, classes=2, head=1)


def test_answers_that_are_several_in_training_alone_are_refused_in_training(tmp_path: Path) -> None:
    class InTraining(Heads):
        def forward(self, images: Tensor) -> Any:
            output = super().forward(images)
            return output if self.training else output[-1]

    network = InTraining(lambda side, full: [side, full], classes=4)
    recipe = robustq.Recipe(epochs=1, augmentation=False, precision="fp32")
    with pytest.raises(RequestError, match="not known which one is to be scored"):
        robustq.train(wrapped(network), "phantom:cases=4", tmp_path / "t.safetensors", recipe)
    (tmp_path / "t.resume.pt").unlink(missing_ok=True)
    trained = robustq.train(wrapped(network, head=-1), "phantom:cases=4", tmp_path / "t.safetensors", recipe)
    assert trained.network.side.weight.equal(network.side.weight), "the other answer gets no gradient"


def test_a_last_layer_that_starts_at_zero_hides_no_site() -> None:
    network = Net()
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    assert wrapped(network).spec.remarks == ()
    assert network.head.weight.count_nonzero() == 0


@pytest.mark.parametrize(
    ("last", "classes", "answer"),
    [(nn.Sigmoid(), 1, "sigmoid"), (nn.Sigmoid(), 3, "softmax"), (nn.Softmax(1), 2, "softmax")],
)
def test_outputs_that_are_probabilities_are_told_unless_the_answer_was_given(
    last: nn.Module, classes: int, answer: str, tmp_path: Path
) -> None:
    class Ending(Net):
        def forward(self, images: Tensor) -> Tensor:
            return last(super().forward(images))

    model = wrapped(Ending(classes), classes=classes)
    assert model.spec.remarks == (BOUNDED.format(answer=answer),)
    model.save(tmp_path / "m.safetensors")
    assert BOUNDED.format(answer=answer) in robustq.load(tmp_path / "m.safetensors", module=Ending(classes)).spec.status
    for given in ("probabilities", answer):
        preparation = robustq.Preparation(dims=2, labels=tuple((n + 1, str(n + 1)) for n in range(model.spec.classes)))
        labels = model.spec.preparation if given == answer else preparation
        assert wrapped(Ending(classes), classes=classes, answer=given, preparation=labels).spec.remarks == ()


@pytest.mark.parametrize("last", [nn.Identity(), nn.Tanh(), nn.ReLU(), nn.LogSoftmax(1)])
def test_other_outputs_are_not_told_as_probabilities(last: nn.Module) -> None:
    class Ending(Net):
        def forward(self, images: Tensor) -> Tensor:
            return last(super().forward(images))

    assert wrapped(Ending()).spec.remarks == ()


def test_images_that_are_too_small_are_refused_in_a_sentence() -> None:
    class Padding(Net):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(F.pad(images, (9, 9, 9, 9), mode="reflect"))[:, :, 9:-9, 9:-9]

    model = wrapped(Padding())
    assert model.run(noise(1, 1, 10, 10)).codes is not None
    for call in (model.run, model.encode):
        with pytest.raises(RequestError, match=r"does not run on an input of 1 × 1 × 8 × 8: .*[Pp]adding"):
            call(noise(1, 1, 8, 8))
