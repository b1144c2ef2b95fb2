"""Bounds of encoders whose Lipschitz constants are known, and encoders without a bound."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import robustq
from networks import noise, small
from robustq.model.segmenter import Segmenter
from robustq_guarantees.bounded import Bounded
from robustq_guarantees.layer_rules import LAYERS
from robustq_guarantees.lipschitz import encoder_bound
from robustq_guarantees.operator_norms import convolution_norm, matrix_norm


class Cut(nn.Module):
    """A network with a given encoder."""

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Conv2d(channels, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        return F.interpolate(self.head(self.encoder(images)), images.shape[2:])


def segmenter(encoder: nn.Module, channels: int, quantise: str = "4x3") -> Segmenter:
    """With a projection that keeps the first three channels as they are."""
    model = robustq.wrap(Cut(encoder, channels), quantise, at="encoder", example=noise(2, 1, 8, 8)).eval()
    if model.quantiser is not None:
        projection = model.bottlenecks[0].project_in
        with torch.no_grad():
            projection.weight.zero_()
            projection.bias.zero_()
            for channel in range(3):
                projection.weight[channel, channel] = 1
    return model


def jacobian_norm(model: Segmenter, image: Tensor) -> float:
    """The largest singular value of the whole Jacobian of the embedding at an image."""
    jacobian = torch.autograd.functional.jacobian(lambda x: model.encode(x[None])[0], image)
    return float(torch.linalg.matrix_norm(jacobian.flatten(0, 2).flatten(1), 2))


def largest_slope(activation: Callable[..., Tensor], **settings: str) -> float:
    """By automatic differentiation on a fine grid."""
    values = torch.linspace(-6, 6, 1_200_001, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(activation(values, **settings).sum(), values)
    return float(slopes.abs().max())


def bound_of_one(activation: Callable[..., Tensor]) -> float:
    """The bound of the activation of values that change as much as the image."""
    values = torch.zeros(1).as_subclass(Bounded)
    values.bound = 1.0
    return LAYERS[activation](values)


def dense(convolution: nn.Module, *size: int) -> Tensor:
    """The matrix of a convolution without its bias."""
    images = torch.eye(math.prod(size)).view(-1, *size)
    with torch.no_grad():
        return (convolution(images) - convolution(torch.zeros_like(images))).flatten(1).T


def test_the_bound_of_a_linear_encoder_is_its_lipschitz_constant() -> None:
    model = segmenter(nn.Conv2d(1, 3, 2, stride=2), 3)
    weight = model.network.encoder.weight.detach().flatten(1)
    bound = encoder_bound(model, (8, 8))
    assert bound.value == pytest.approx(np.linalg.norm(weight.numpy(), 2), rel=1e-5)
    assert bound.value == pytest.approx(jacobian_norm(model, noise(1, 8, 8)), rel=1e-5)
    assert bound.reason == ""


@pytest.mark.parametrize(
    ("activation", "settings"),
    [(F.silu, {}), (F.mish, {}), (F.gelu, {"approximate": "tanh"}), (F.hardswish, {}), (F.sigmoid, {}), (F.tanh, {})],
)
def test_the_bound_of_an_activation_is_its_largest_slope(
    activation: Callable[..., Tensor], settings: dict[str, str]
) -> None:
    slope = largest_slope(activation, **settings)
    assert slope <= bound_of_one(activation) <= slope + 1e-5


def test_the_bound_of_gelu_holds_for_both_of_its_forms() -> None:
    slope = largest_slope(F.gelu)
    assert slope <= bound_of_one(F.gelu) <= slope + 1e-4


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": (1, 5), "padding": (0, 2), "stride": (1, 3)},
        {"kernel_size": 2, "stride": 2, "groups": 2},
        {"kernel_size": 1, "groups": 4},
        {"kernel_size": 3, "dilation": 3, "stride": 2},
    ],
)
def test_the_norm_of_a_convolution_is_above_that_of_its_matrix_and_not_far(settings: dict[str, object]) -> None:
    convolution = nn.Conv2d(4, 8, **settings)
    exact = float(torch.linalg.matrix_norm(dense(convolution, 4, 11, 11), 2))
    bound = convolution_norm(
        convolution.weight,
        stride=convolution.stride,
        dilation=convolution.dilation,
        groups=convolution.groups,
    )
    assert exact * (1 - 1e-5) <= bound <= 3.1 * exact


def test_a_convolution_with_one_large_weight_takes_the_bound_of_sums() -> None:
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 0, 0] = -2
    assert convolution_norm(weight, stride=(1, 1), dilation=(1, 1), groups=1) == pytest.approx(2)


def test_the_norm_of_a_matrix_is_its_largest_singular_value() -> None:
    for shape in ((3, 7), (7, 3)):
        assert matrix_norm(noise(*shape)) == pytest.approx(np.linalg.norm(noise(*shape).numpy(), 2))
    assert matrix_norm(torch.zeros(2, 3)) == 0


class Mixed(nn.Module):
    """Residuals, lists, pools and a change in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 4, 1)
        self.dropout = nn.Dropout2d(0.5)

    def forward(self, images: Tensor) -> Tensor:
        features = F.relu(self.norm(self.first(images)), inplace=True)
        features = features + 0.5 * torch.tanh(features)
        features = self.pool(features)
        joined = torch.cat([features, F.silu(features)[:, :]], 1)
        half = joined / 2
        half += F.gelu(joined)
        return self.dropout(self.second(F.avg_pool2d(half, 2)))


ENCODERS = {
    "mixed": lambda: (Mixed(), 4),
    "norms": lambda: (
        nn.Sequential(nn.Conv2d(1, 4, 2, 2), nn.GroupNorm(2, 4, eps=0.3), nn.ELU(), nn.InstanceNorm2d(4, eps=0.5)),
        4,
    ),
    "activations": lambda: (
        nn.Sequential(nn.Conv2d(1, 3, 2, 2), nn.LeakyReLU(), nn.PReLU(), nn.Mish(), nn.Hardswish(), nn.ReLU6()),
        3,
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_no_step_from_one_image_to_another_is_longer_than_the_bound(name: str) -> None:
    torch.manual_seed(0)
    model = segmenter(*ENCODERS[name]())
    bound = encoder_bound(model, (8, 8)).value
    assert bound is not None
    assert jacobian_norm(model, noise(1, 8, 8)) <= bound
    with torch.no_grad():
        for seed in range(20):
            first, second = noise(1, 1, 8, 8, seed=seed), noise(1, 1, 8, 8, seed=100 + seed)
            for other in (second, first + 1e-3 * second):
                step = float((model.encode(other) - model.encode(first)).norm() / (other - first).norm())
                assert step <= bound * (1 + 1e-4)


def test_following_a_model_does_not_change_what_it_says() -> None:
    model, image = small("8x4"), noise(1, 1, 16, 16)
    with torch.no_grad():
        before = model.run(image).logits
        encoder_bound(model, (16, 16))
        assert model.run(image).logits.equal(before)
    assert type(model.encode(image)) is Tensor


@pytest.mark.parametrize(("dims", "size"), [(2, (17, 23)), (3, (12, 8, 10))])
def test_our_unet_has_a_bound_in_two_and_three_dimensions(dims: int, size: tuple[int, ...]) -> None:
    bound = encoder_bound(small("8x4", dims=dims), size).value
    assert bound is not None
    assert bound > 1
    assert math.isfinite(bound)


def test_a_padded_image_lengthens_a_change_by_the_copies_of_its_border() -> None:
    model = segmenter(nn.Conv2d(1, 3, 2, stride=2), 3)
    whole = encoder_bound(model, (8, 8)).value
    model.spec = model.spec.but(multiple=4)
    assert encoder_bound(model, (6, 8)).value == pytest.approx(math.sqrt(3) * whole)


def test_a_layer_without_a_bound_is_named() -> None:
    attention = nn.Sequential(nn.Conv2d(1, 3, 2, stride=2), Softmax())
    bound = encoder_bound(segmenter(attention, 3), (8, 8))
    assert bound.value is None
    assert bound.reason == "encoder.1 (torch.Tensor.softmax)"


class Softmax(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return features * features.softmax(1)


class Asking(nn.Module):
    """Does one thing with bright images and another with dark ones."""

    def forward(self, features: Tensor) -> Tensor:
        return features if features.mean() > 0 else -features


def test_an_encoder_that_looks_at_values_has_no_bound() -> None:
    asking = nn.Sequential(nn.Conv2d(1, 3, 2, stride=2), Asking())
    assert encoder_bound(segmenter(asking, 3), (8, 8)).reason == "encoder.1 (torch.Tensor.mean)"


class Changing(nn.Module):
    """Changes its input through a part of it."""

    def forward(self, features: Tensor) -> Tensor:
        features[:, :1].add_(features[:, 1:2])
        return features


def test_an_encoder_that_changes_a_part_of_a_tensor_in_place_has_no_bound() -> None:
    changing = nn.Sequential(nn.Conv2d(1, 3, 2, stride=2), Changing())
    assert encoder_bound(segmenter(changing, 3), (8, 8)).reason == "encoder.1 (a change in place of a part of a tensor)"


def test_a_search_on_the_sphere_has_no_bound() -> None:
    bound = encoder_bound(segmenter(nn.Conv2d(1, 3, 2, stride=2), 3, "cosine:4x3"), (8, 8))
    assert bound.reason == "the quantiser's search space (torch.nn.functional.normalize)"
