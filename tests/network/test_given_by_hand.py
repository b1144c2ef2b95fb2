"""Networks given by hand: one cut, an answer that is known and steady, and gradients where something is trained."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import robustq
from networks import noise
from robustq.errors import RequestError
from robustq.model.describe import describe
from robustq.model.spec import CHANGED, MIXING, VARYING
from robustq.network.feature_maps import open_features
from robustq.network.separate_copy import separate_copy
from robustq.network.steadiness import Steadiness, steadiness

IMAGE = noise(2, 1, 16, 16)
PAIRS = [(noise(1, 16, 16, seed=seed), torch.eye(16, dtype=torch.long)) for seed in range(4)]
RECIPE = robustq.Recipe(epochs=1, augmentation=False, batch_size=2)


class Net(nn.Module):
    """A small encoder-decoder with a skip; subclasses change one thing."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.fine, self.down, self.mid = nn.Conv2d(1, 4, 3, 1, 1), nn.Conv2d(4, 4, 2, 2), nn.Conv2d(4, 4, 3, 1, 1)
        self.up, self.head = nn.ConvTranspose2d(4, 4, 2, 2), nn.Conv2d(8, classes, 1)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(images).relu()
        return fine, self.mid(self.down(fine).relu())

    def forward(self, images: Tensor) -> Any:
        fine, coarse = self.encode(images)
        return self.head(torch.cat([fine, self.up(coarse)], 1))


def figures(models: Any, pairs: Any = PAIRS, **asked: Any) -> list[float]:
    return robustq.stress(models, pairs, **{"levels": [0, 20], "draws": 2} | asked).to_frame()["value"].tolist()


def wrapped_itself(tmp_path: Path) -> tuple[nn.Module, robustq.Segmenter]:
    network = Net()
    model = robustq.wrap(network, "8x3", example=IMAGE, copy=False).eval()
    model.save(tmp_path / "m.safetensors")
    return network, model


def test_a_network_that_was_wrapped_itself_is_cut_once_when_its_bundle_is_loaded_into_it(tmp_path: Path) -> None:
    network, model = wrapped_itself(tmp_path)
    expected = model.run(IMAGE).logits
    for module in (network, model, Net()):
        again = robustq.load(tmp_path / "m.safetensors", module=module)
        assert CHANGED not in again.spec.status
        assert again.run(IMAGE).logits.equal(expected)
        assert len(again.network.mid._forward_hooks) == 1
    assert model.run(IMAGE).logits.equal(expected)
    assert len(network.mid._forward_hooks) == 1


def test_a_cut_network_is_wrapped_again_without_its_quantiser_or_refused(tmp_path: Path) -> None:
    network, model = wrapped_itself(tmp_path)
    plain = Net().eval()
    plain.load_state_dict(network.state_dict())
    again = robustq.wrap(network, "none", example=IMAGE).eval()
    assert again(IMAGE).equal(plain(IMAGE))
    assert not model.run(IMAGE).logits.equal(plain(IMAGE))
    for refused in (
        lambda: robustq.wrap(network, "none", example=IMAGE, copy=False),
        lambda: robustq.stress({"net": network}, PAIRS),
    ):
        with pytest.raises(RequestError, match=r"cut this network already.*use that model, or a copy"):
            refused()
    with pytest.raises(RequestError, match="give its attribute network"):
        robustq.wrap(model, "8x3", example=IMAGE)


class Flat(nn.Module):
    """No bottleneck at all: every map has the size of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images).relu())


class Threshold(nn.Module):
    """No submodule and no parameter."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([0.5 - images, images - 0.5], 1)


@pytest.mark.parametrize("make", [Flat, Threshold])
def test_a_network_without_a_bottleneck_is_measured_and_not_analysed(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    network = make()
    run = robustq.stress({"net": network}, PAIRS, noise=["gaussian"], attack=["fgsm"], levels=[0, 20], draws=2)
    rows = run.to_frame()
    rows = rows[(rows["metric"] == "dice") & (rows["perturbation"] == "gaussian")]
    assert len(rows) == len(PAIRS) * 3
    for row in rows.itertuples():
        image, mask = PAIRS[int(row.case)]
        shown = robustq.perturb(image[None], "gaussian", level=row.level, draw=int(row.draw), keys=[row.case])
        with torch.no_grad():
            answer, truth = network(shown)[0].argmax(0) == 1, mask == 1
        assert row.value == pytest.approx(float(2 * (answer & truth).sum() / (answer.sum() + truth.sum())))
    assert len(robustq.minimal_levels({"net": network}, PAIRS, "gaussian", resolution=50, draws=1).to_frame())
    with pytest.raises(RequestError, match=r"no spatial bottleneck was found in net, .*at=NAME"):
        robustq.analyse({"net": network}, PAIRS, levels=[20], draws=2)
    with pytest.raises(RequestError, match="no spatial bottleneck was found"):
        robustq.wrap(network, "8x3", example=IMAGE)
    model = robustq.wrap(network, "none", example=IMAGE).eval()
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=make())
    assert again.run(IMAGE).logits.equal(network(IMAGE))
    assert describe(again, (16, 16)).site == ""


class MonteCarlo(Net):
    """Dropout that stays on in evaluation mode."""

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fine, coarse = super().encode(images)
        return fine, F.dropout(coarse, 0.5, training=True)


class NumpyNoise(Net):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images + float(np.random.rand()))


class Remembering(Net):
    """Takes a running mean off the image, which every pass moves."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.mean = 0.5 * self.mean + 0.5 * images.mean()
        return super().forward(images - self.mean)


class OverTheBatch(Net):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward((images - images.mean()) / images.std())


class BetweenTheExtremesOfTheBatch(Net):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(8 * (images - images.min()) / (images.max() - images.min()) - 4)


@pytest.mark.parametrize(
    ("make", "remarks", "expected"),
    [
        (MonteCarlo, (VARYING,), Steadiness(repeats=False, alone=False)),
        (NumpyNoise, (VARYING,), Steadiness(repeats=False, alone=False)),
        (Remembering, (VARYING,), Steadiness(repeats=False, alone=False)),
        (OverTheBatch, (MIXING,), Steadiness(repeats=True, alone=False)),
        (BetweenTheExtremesOfTheBatch, (MIXING,), Steadiness(repeats=True, alone=False)),
        (Net, (), Steadiness(repeats=True, alone=True)),
    ],
)
def test_an_answer_that_depends_on_more_than_its_image_is_told(
    make: Callable[[], nn.Module], remarks: tuple[str, ...], expected: Steadiness
) -> None:
    network = make().eval()
    assert steadiness(separate_copy(network, {}), IMAGE) == expected
    assert robustq.wrap(network, "8x3", at="mid", example=IMAGE).spec.remarks == remarks
    told = robustq.stress({"net": network}, PAIRS[:1], levels=[0]).remarks()["net"]
    assert set(remarks) <= set(told)
    assert any(word in (VARYING, MIXING) for word in told) == bool(remarks)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_rounding_is_not_told_as_an_unsteady_answer(dtype: torch.dtype) -> None:
    assert steadiness(Net().to(dtype), IMAGE) == (True, True)


@pytest.mark.parametrize("make", [MonteCarlo, NumpyNoise])
def test_figures_of_a_network_that_draws_numbers_repeat_and_the_callers_generators_stay(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    network = make()
    state = torch.get_rng_state(), repr(np.random.get_state())
    first = figures({"net": network}, attack=["fgsm"])
    assert (torch.get_rng_state().tolist(), repr(np.random.get_state())) == (state[0].tolist(), state[1])
    torch.rand(3), np.random.rand()
    assert figures({"net": network}, attack=["fgsm"]) == first
    state = torch.get_rng_state(), repr(np.random.get_state())
    robustq.analyse({"net": network}, PAIRS, check="latent-variance", levels=[20], draws=2)
    robustq.minimal_levels({"net": network}, PAIRS, "gaussian", resolution=50, draws=1)
    model = robustq.wrap(network, "8x3", at="mid", example=IMAGE)
    robustq.train(model, PAIRS, tmp_path / "t.safetensors", RECIPE)
    assert (torch.get_rng_state().tolist(), repr(np.random.get_state())) == (state[0].tolist(), state[1])


def test_batch_size_one_gives_a_network_that_mixes_a_batch_the_figures_of_single_images() -> None:
    network = OverTheBatch()
    run = robustq.stress({"net": network}, PAIRS[:1], levels=[20], draws=3, batch_size=1)
    rows = run.to_frame().query("metric == 'dice' and level == 20")
    image, mask = PAIRS[0]
    for row in rows.itertuples():
        with torch.no_grad():
            shown = robustq.perturb(image[None], "gaussian", level=20, draw=int(row.draw), keys=["0000"])
            answer, truth = network(shown)[0].argmax(0) == 1, mask == 1
        assert row.value == pytest.approx(float(2 * (answer & truth).sum() / (answer.sum() + truth.sum())))


@dataclasses.dataclass
class Fields:
    features: Tensor
    scores: Tensor


class Names(NamedTuple):
    features: Tensor
    scores: Tensor


@pytest.mark.parametrize("kind", [Fields, Names])
def test_a_field_of_an_output_is_known_by_its_name(kind: Any, tmp_path: Path) -> None:
    class Named(Net):
        def forward(self, images: Tensor) -> Any:
            return kind(self.fine(images), super().forward(images))

    network = Named().eval()
    model = robustq.wrap(network, "none", head="scores", example=IMAGE).eval()
    assert model.run(IMAGE).logits.equal(network(IMAGE).scores)
    assert len(figures({"m": model}))
    trained = robustq.train(model, PAIRS, tmp_path / "t.safetensors", RECIPE)
    assert robustq.load(tmp_path / "t.safetensors", module=Named()).run(IMAGE).logits.equal(trained.run(IMAGE).logits)
    with pytest.raises(RequestError, match="no entry 'logits', it is features, scores"):
        robustq.wrap(network, "none", head="logits", example=IMAGE)
    with pytest.raises(RequestError, match=r"head=N"):
        robustq.stress({"net": network}, PAIRS)


def test_features_of_full_size_before_the_scores_are_not_taken_for_them() -> None:
    class FeaturesFirst(Net):
        def forward(self, images: Tensor) -> Any:
            return self.fine(images), super().forward(images)

    network = FeaturesFirst()
    for refused in (
        lambda: robustq.stress({"net": network}, PAIRS),
        lambda: robustq.wrap(network, "8x3", example=IMAGE),
        lambda: robustq.wrap(network, "8x3", example=IMAGE, classes=2),
    ):
        with pytest.raises(RequestError, match=r"2 answers of the size of the image .*head=NUMBER"):
            refused()
    assert robustq.wrap(network, "8x3", example=IMAGE, head=1).spec.classes == 2


ANSWERS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "channels last": (lambda scores: scores.permute(0, 2, 3, 1), r"network\(images\)\.permute\(0, 3, 1, 2\)$"),
    "half the size": (lambda scores: scores[..., ::2, ::2], r"interpolate\(network\(images\), images\.shape\[2:\]\)$"),
    "no channel": (lambda scores: scores[:, 0], r"network\(images\)\[:, None\]$"),
    "labels": (lambda scores: scores.argmax(1), "scores instead of labels$"),
    "nested": (lambda scores: ([scores], 1), r"returns the scores$"),
    "a field": (lambda scores: Fields(scores, scores), r"which of features, scores holds them with .*head=NAME"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_output_that_cannot_be_read_is_refused_with_the_way_out(kind: str) -> None:
    answer, words = ANSWERS[kind]

    class Answering(Net):
        def forward(self, images: Tensor) -> Any:
            return answer(super().forward(images))

    with pytest.raises(RequestError, match=words):
        robustq.stress({"net": Answering(3)}, PAIRS)
    with pytest.raises(RequestError, match=words):
        robustq.wrap(Answering(3), "8x3", example=IMAGE)


class TwoInputs(Net):
    def forward(self, images: Tensor, other: Tensor) -> Tensor:
        return super().forward(images + other)


class KeywordOnly(Net):
    def forward(self, *, pixel_values: Tensor) -> Tensor:
        return super().forward(pixel_values)


@pytest.mark.parametrize("make", [TwoInputs, KeywordOnly])
def test_a_network_that_takes_something_else_is_refused_with_the_way_out(make: Callable[[], nn.Module]) -> None:
    with pytest.raises(RequestError, match=r"calls network\(images\) with one tensor .*forward\(self, images\)"):
        robustq.wrap(make(), "8x3", example=IMAGE)


def test_2d_images_for_a_3d_network_and_the_reverse_are_told() -> None:
    with pytest.raises(RequestError, match=r"first convolution is 3D, and the image is 2D$"):
        robustq.stress({"net": nn.Sequential(nn.Conv3d(1, 4, 2, 2), nn.ConvTranspose3d(4, 2, 2, 2))}, PAIRS)
    volumes = [(noise(1, 4, 16, 16, seed=seed), torch.eye(16, dtype=torch.long).expand(4, 16, 16)) for seed in (0, 1)]
    with pytest.raises(RequestError, match=r"is 2D, and the image is 3D; preparation=robustq\.Preparation\(dims=2"):
        robustq.stress({"net": Net()}, volumes)
    preparation = robustq.Preparation(dims=2, normalise="none", labels=((1, "1"),))
    assert len(figures({"net": Net()}, volumes, preparation=preparation))


def test_a_lazy_network_is_refused_until_it_has_values_and_loaded_without_a_remark(tmp_path: Path) -> None:
    def make() -> Net:
        network = Net()
        network.fine = nn.LazyConv2d(4, 3, 1, 1)
        return network

    network = make()
    for refused in (
        lambda: robustq.stress({"net": network}, PAIRS),
        lambda: robustq.wrap(network, "8x3", example=IMAGE),
    ):
        with pytest.raises(RequestError, match=r"fine\.weight of the network has no values yet"):
            refused()
    network(IMAGE)
    model = robustq.wrap(network, "8x3", example=IMAGE).eval()
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=make())
    assert CHANGED not in again.spec.status
    assert again.run(IMAGE).logits.equal(model.run(IMAGE).logits)


def test_scores_of_minus_infinity_hide_no_site() -> None:
    class RulingOut(Net):
        def forward(self, images: Tensor) -> Tensor:
            scores = super().forward(images)
            return torch.cat([scores, torch.full_like(scores[:, :1], -torch.inf)], 1)

    model = robustq.wrap(RulingOut(), "8x3", example=IMAGE)
    assert model.spec.site == "mid"
    analysis = robustq.analyse({"m": model}, PAIRS, check="liveness", levels=[20], draws=2)
    change = analysis.to_frame().query("metric == 'answer_change'")["value"]
    assert change.between(1e-6, 1e6).all()


def test_a_constant_example_on_which_a_network_divides_by_zero_is_replaced_and_nan_is_refused() -> None:
    class Standardising(Net):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward((images - images.mean((2, 3), True)) / images.std((2, 3), keepdim=True))

    assert robustq.wrap(Standardising(), "8x3", example=torch.zeros(1, 1, 16, 16)).spec.site == "mid"
    network = Net()
    nn.init.constant_(network.head.bias, torch.nan)
    with pytest.raises(RequestError, match="answer holds NaN"):
        robustq.wrap(network, "8x3", example=IMAGE)


class WithoutGradient(Net):
    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


class FrozenEncoder(Net):
    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            return super().encode(images)


class Reentrant(Net):
    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(images).relu()
        return fine, checkpoint(lambda maps: self.mid(self.down(maps).relu()), fine, use_reentrant=True)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("make", [WithoutGradient, FrozenEncoder, Reentrant])
def test_a_codebook_that_would_get_no_gradient_is_not_trained_in_silence(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    words = "without gradients .*nothing there can be trained"
    with pytest.raises(RequestError, match=words):
        robustq.train(robustq.wrap(make(), "8x3", example=IMAGE), PAIRS, tmp_path / "m.safetensors", RECIPE)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_an_attack_through_a_reentrant_checkpoint_is_refused_in_words() -> None:
    with pytest.raises(RequestError, match="use_reentrant=False"):
        robustq.stress({"net": Reentrant()}, PAIRS, attack=["fgsm"], levels=[1])
    assert len(figures({"net": Reentrant()}))


@pytest.mark.parametrize("always", [True, False])
def test_a_view_of_a_feature_map_does_not_stand_against_a_training(always: bool, tmp_path: Path) -> None:
    class Viewing(Net):
        def __init__(self, always: bool) -> None:
            super().__init__()
            self.always = always

        def forward(self, images: Tensor) -> Tensor:
            fine, coarse = self.encode(images)
            if self.training or self.always:
                coarse = coarse.view(len(coarse), -1).view(coarse.shape)
                fine = fine.view(len(fine), -1).view(fine.shape)
            return self.head(torch.cat([fine, self.up(coarse)], 1))

    model = robustq.wrap(Viewing(always), "8x3", example=IMAGE)
    assert len(figures({"m": model}))
    trained = robustq.train(model, PAIRS, tmp_path / "m.safetensors", RECIPE)
    assert not trained.network.head.weight.equal(model.network.head.weight)
    again = robustq.load(tmp_path / "m.safetensors", module=Viewing(always))
    assert again.run(IMAGE).logits.equal(trained.run(IMAGE).logits)


@pytest.mark.parametrize("make", [Net, lambda: Net().to(memory_format=torch.channels_last)])
def test_the_model_that_train_returns_answers_to_the_bit_as_its_file(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    model = robustq.wrap(make(), "8x3", example=IMAGE)
    trained = robustq.train(model, PAIRS, tmp_path / "m.safetensors", RECIPE)
    again = robustq.load(tmp_path / "m.safetensors", module=Net())
    with torch.no_grad():
        assert trained.run(IMAGE).logits.equal(again.run(IMAGE).logits)


def test_expanded_buffers_go_into_a_bundle_and_come_back(tmp_path: Path) -> None:
    class Gridded(Net):
        def __init__(self, value: float = 0.0) -> None:
            super().__init__()
            self.register_buffer("grid", torch.full((1, 1, 1, 1), value).expand(1, 1, 4, 4))

    model = robustq.wrap(Gridded(2.0), "8x3", example=IMAGE)
    model.save(tmp_path / "m.safetensors")
    again = robustq.load(tmp_path / "m.safetensors", module=Gridded())
    assert again.network.grid.tolist() == torch.full((1, 1, 4, 4), 2.0).tolist()


def test_weights_too_coarse_for_training_are_named_and_not_the_learning_rate_alone(tmp_path: Path) -> None:
    network = Net().half()
    recipe = robustq.Recipe(epochs=30, augmentation=False, batch_size=2, learning_rate=1e-2)
    with pytest.raises(RequestError, match=r"weights of float16, .*network\.float\(\)"):
        robustq.train(robustq.wrap(network, "8x3", example=IMAGE), PAIRS, tmp_path / "m.safetensors", recipe)


class ChannelsLast(Net):
    """Keeps the channels of its bottleneck last, as some transformers do, and may give both maps in a list."""

    def __init__(self, *, as_list: bool = False) -> None:
        super().__init__()
        self.encoder, self.as_list = nn.Identity(), as_list
        self.mid, self.up = nn.Conv2d(4, 24, 3, 1, 1), nn.ConvTranspose2d(24, 4, 2, 2)

    def forward(self, images: Tensor) -> Tensor:
        fine, coarse = self.encode(images)
        moved = self.encoder([fine, coarse.movedim(1, -1)] if self.as_list else coarse.movedim(1, -1))
        coarse = (moved[-1] if self.as_list else moved).movedim(-1, 1)
        return self.head(torch.cat([fine, self.up(coarse)], 1))


@pytest.mark.parametrize("as_list", [False, True])
def test_vectors_of_a_map_with_channels_last_are_quantised_and_not_its_rows(as_list: bool) -> None:
    network = ChannelsLast(as_list=as_list)
    model = robustq.wrap(network, "8x3", at="encoder", example=IMAGE).eval()
    with torch.no_grad():
        fine, coarse = network.encode(IMAGE)
        bottleneck = model.bottlenecks[0]
        assert bottleneck.channels == 24
        put = bottleneck.project_out(bottleneck.quantiser(bottleneck.project_in(coarse)).quantised)
        expected = network.head(torch.cat([fine, network.up(put)], 1))
        torch.testing.assert_close(model.run(IMAGE).logits, expected)
    assert model.run(IMAGE).codes.shape == (2, 1, 8, 8)
    plain = robustq.wrap(network, "none", at="encoder", example=IMAGE).eval()
    assert plain(IMAGE).equal(network.eval()(IMAGE))


def test_anisotropic_and_odd_maps_keep_their_channels_first() -> None:
    for shape, size in (
        ((1, 8, 16, 64), (64, 64)),
        ((1, 320, 5, 20, 20), (20, 320, 320)),
        ((1, 16, 9, 17), (65, 129)),
        ((1, 64, 28, 28), (572, 572)),
        ((1, 8, 1, 1), (64, 64)),
        ((1, 4, 128, 128), (64, 64)),
    ):
        opened = open_features(torch.zeros(shape), size)
        assert opened is not None
        assert opened.maps[0].shape == shape


class RGB(Net):
    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 4, 3, 1, 1)


def test_a_grey_image_shown_to_an_rgb_network_is_analysed_as_the_same_image_in_three_channels() -> None:
    network = RGB()
    grey = robustq.Preparation(channels=3, grey_to_rgb=True, normalise="none", labels=((1, "1"),))
    rows = [
        robustq.analyse({"net": network}, pairs, check="liveness", levels=[20], draws=2, preparation=preparation)
        for pairs, preparation in ((PAIRS, grey), ([(image.expand(3, -1, -1), mask) for image, mask in PAIRS], None))
    ]
    first, second = (analysis.to_frame().query("metric == 'answer_change'")["value"].item() for analysis in rows)
    assert first == pytest.approx(second, rel=1e-5)


def test_a_wrapped_network_beside_its_plain_one_names_how_both_get_the_same_images() -> None:
    network = Net()
    model = robustq.wrap(network, "8x3", example=IMAGE)
    with pytest.raises(RequestError, match=r"preparation=model\.spec\.preparation .*normalise='none'"):
        robustq.stress({"vq": model, "plain": network}, PAIRS)
    assert len(figures({"vq": model, "plain": network}, preparation=model.spec.preparation))
    alike = robustq.wrap(network, "8x3", example=IMAGE, preparation=robustq.Preparation(dims=2, normalise="none"))
    assert len(figures({"vq": alike, "plain": network}))


class OneByOne(Net):
    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([super(OneByOne, self).forward(image[None]) for image in images])


def test_a_network_that_loops_over_its_images_is_measured_and_where_to_cut_is_told() -> None:
    network = OneByOne().eval()
    assert figures({"net": network}) == figures({"net": network}, batch_size=1)
    for at, words in (
        (None, "called 2 times in a pass .*wrap the network inside that loop"),
        ("mid", "inside the loop"),
    ):
        for example in (IMAGE, IMAGE[:1]):
            with pytest.raises(RequestError, match=words):
                robustq.wrap(network, "8x3", at=at, example=example)


def test_a_network_that_takes_one_image_at_a_time_is_told_the_batch_size() -> None:
    class Single(Net):
        def forward(self, images: Tensor) -> Tensor:
            if len(images) > 1:
                raise ValueError("one image only")
            return super().forward(images)

    network = Single()
    with pytest.raises(RequestError, match=r"one image only\. It runs on one image at a time: give batch size 1"):
        robustq.stress({"net": network}, PAIRS, batch_size=2)
    assert len(figures({"net": network}, batch_size=1))


@pytest.mark.filterwarnings("ignore")
def test_a_network_that_torch_quantised_is_measured_and_its_bundle_refused_with_the_way_out(tmp_path: Path) -> None:
    class Linear(Net):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(4, 4)

        def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
            fine, coarse = super().encode(images)
            return fine, self.mix(coarse.movedim(1, -1)).movedim(-1, 1)

    network = torch.ao.quantization.quantize_dynamic(Linear(), {nn.Linear}, dtype=torch.qint8)
    model = robustq.wrap(network, "none", at="mid", example=IMAGE).eval()
    assert model(IMAGE).equal(network.eval()(IMAGE))
    assert len(figures({"net": network}))
    with pytest.raises(RequestError, match=r"a quantised network can be measured all the same"):
        model.save(tmp_path / "m.safetensors")
