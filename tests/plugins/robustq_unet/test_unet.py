import pytest
import torch

from robustq.errors import RequestError
from robustq_unet.unet import UNet


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("dims", "first", "last"), [(2, 32, 512), (3, 16, 256)])
def test_the_channels_double_from_the_papers_first_to_the_papers_last(dims: int, first: int, last: int) -> None:
    with torch.no_grad():
        features = UNet(dims=dims).encoder(torch.zeros(1, 1, *[32] * dims))
    assert [feature.shape[1] for feature in features] == [first * 2**scale for scale in range(5)]
    assert features[-1].shape[1] == last
    assert [feature.shape[2] for feature in features] == [32, 16, 8, 4, 2]


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 47), (5, 130), (1, 1, 1), (17, 8, 21), (35, 50, 36)])
def test_any_size_comes_back_as_it_went_in(size: tuple[int, ...]) -> None:
    network = UNet(in_channels=3, classes=4, dims=len(size), width=8).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, *size)).shape == (2, 4, *size)


def test_padding_does_not_reach_what_a_fitting_size_gives() -> None:
    network = UNet(width=8).eval()
    image = torch.randn(1, 1, 40, 48)
    padded = torch.nn.functional.pad(image, (0, 0, 0, 8), mode="replicate")
    with torch.no_grad():
        torch.testing.assert_close(network(image), network(padded)[..., :40, :])


def test_a_block_is_normalise_activate_convolve_twice_beside_a_shortcut() -> None:
    block = UNet(width=8).encoder.blocks[0]
    features = torch.randn(2, 8, 6, 5)

    def swish(value: torch.Tensor) -> torch.Tensor:
        return value / (1 + torch.exp(-value))

    def normalise(value: torch.Tensor, layer: torch.nn.GroupNorm) -> torch.Tensor:
        groups = value.reshape(2, layer.num_groups, -1)
        spread = groups.var(-1, correction=0, keepdim=True) + layer.eps
        return ((groups - groups.mean(-1, keepdim=True)) / spread.sqrt()).reshape(value.shape)

    first, _, convolve, second, _, convolve_again = block.residual
    by_hand = convolve(swish(normalise(features, first)))
    by_hand = features + convolve_again(swish(normalise(by_hand, second)))
    torch.testing.assert_close(block(features), by_hand, rtol=1e-4, atol=1e-5)


def test_downsampling_is_a_strided_convolution_and_upsampling_has_no_weights() -> None:
    network = UNet(width=8)
    assert [tuple(entry.stride) for entry in network.encoder.entries] == [(1, 1), *[(2, 2)] * 4]
    kinds = {type(module) for module in network.decoder.modules()}
    assert torch.nn.ConvTranspose2d not in kinds


def test_every_weight_takes_part() -> None:
    network = UNet(width=8, classes=3)
    network(torch.randn(2, 1, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_groups_that_do_not_divide_the_width_are_refused_in_words() -> None:
    with pytest.raises(RequestError, match=r"groups=5 do not divide the unet's width of 12 .* 1, 2, 3, 4, 6, 12"):
        UNet(width=12, groups=5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dims": 4}, "2 or 3 spatial axes"),
        ({"scales": 1}, "2 or more, so that it has a bottleneck"),
        ({"classes": 0}, "classes=0"),
        ({"in_channels": 0}, "in_channels=0"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, int], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        UNet(**settings)
