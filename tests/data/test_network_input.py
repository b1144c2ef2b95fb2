"""What a network gets of a prepared and perturbed case: a grey channel three times, and standardised channels."""

import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

import robustq
from networks import noise
from robustq.data.preparation import Preparation
from robustq.dataset import Case, Entry
from robustq.draws.by_name import load_attacks
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.errors import RequestError
from robustq.latent.tangents import tangents
from robustq.model.describe import describe
from robustq.model.segmenter import Segmenter
from robustq.registry import load

GREY_TO_RGB = Preparation(channels=3, grey_to_rgb=True)


class Watched(nn.Module):
    """An RGB network that keeps the images it gets. Its weights differ between the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.detach().clone())
        return self.up(self.body(images).relu())


def stored(channels: int = 1) -> Case:
    image = 100 + 20 * noise(channels, 16, 12)
    limits = torch.tensor([[0.0, 255.0]] * channels, dtype=torch.float64)
    return Case(image, (image[0] > 110).int(), limits, (1.0, 1.0), "px", Entry("a", "a"))


def model(preparation: Preparation = GREY_TO_RGB, quantise: str = "none") -> Segmenter:
    torch.manual_seed(0)
    made = robustq.wrap(Watched(), quantise, example=torch.zeros(1, 3, 16, 12), at="body", preparation=preparation)
    made.network.seen.clear()
    return made.eval()


@pytest.mark.parametrize("name", ["gaussian", "salt-and-pepper", "poisson", "jpeg", "affine", "contrast"])
@pytest.mark.parametrize("level", [0, 1, 30, 100])
def test_the_network_sees_the_perturbed_grey_image_in_three_equal_channels(name: str, level: float) -> None:
    segmenter, case = model(), GREY_TO_RGB(stored())
    perturbed = Perturber({name: load("perturbations", name)()}, DrawSettings(seed=0))(case, name, level, 0)
    segmenter.run(perturbed.image[None])
    (seen,) = segmenter.network.seen
    assert seen.shape == (1, 3, 16, 12)
    assert all(channel.equal(perturbed.image[0]) for channel in seen[0])
    assert perturbed.image.equal(case.image) == (level == 0)


def test_noise_and_range_are_those_of_the_grey_image() -> None:
    grey = Preparation()(stored())
    repeated = GREY_TO_RGB(stored())
    assert repeated.image.equal(grey.image)
    assert repeated.intensity_range.equal(grey.intensity_range)


@pytest.mark.parametrize("attack", ["fgsm", "pgd", "pgd@l2"])
def test_an_attack_changes_the_grey_image_along_the_sum_of_the_channels_gradients(attack: str) -> None:
    segmenter, case = model(), GREY_TO_RGB(stored())
    (made,) = load_attacks([attack]).values()
    attacked = made(case, 2.0, torch.Generator().manual_seed(0), segmenter)
    assert attacked.image.shape == (1, 16, 12)
    assert not attacked.image.equal(case.image)
    if attack != "fgsm":
        return
    # By hand: the network itself on three copies, each with its own gradient.
    copies = case.image.expand(3, 16, 12)[None].clone().requires_grad_()
    target = case.truth[0].long()[None]
    nn.functional.cross_entropy(segmenter.network(copies), target, reduction="sum").backward()
    span = case.intensity_range.diff(dim=1)[0]
    expected = case.image + 0.02 * span * copies.grad[0].sum(0, keepdim=True).sign()
    torch.testing.assert_close(attacked.image, expected.float())


def test_latents_tangents_and_description_take_the_grey_image() -> None:
    segmenter, image = model(quantise="8x4"), GREY_TO_RGB(stored()).image
    direction = 0.01 * noise(1, 16, 12, seed=1)
    moved = segmenter.encode((image + direction)[None]) - segmenter.encode(image[None])
    predicted = tangents(segmenter, image, direction[None], axis=None)  # the part before the codebook is linear
    torch.testing.assert_close(predicted[0], moved[0].flatten(1).T, rtol=1e-3, atol=1e-5)
    assert describe(segmenter, (16, 12)).image == (1, 16, 12)


def test_training_stress_analysis_and_search_run_on_grey_images(tmp_path: object) -> None:
    preparation = Preparation(channels=3, grey_to_rgb=True, size=(16, 16), labels=((1, "1"), (2, "2"), (3, "3")))
    made = robustq.wrap("unet", "8x4", classes=4, preparation=preparation, width=4, scales=2, groups=2)
    recipe = robustq.Recipe(epochs=1, batch_size=2, device="cpu")
    trained = robustq.train(made, "phantom:cases=2,domain=A", f"{tmp_path}/m.safetensors", recipe)
    again = robustq.load(f"{tmp_path}/m.safetensors")
    assert again.spec.preparation.grey_to_rgb
    assert again.network.encoder is not None
    asked = {"levels": [10], "draws": 1}
    run = robustq.stress({"m": again}, "phantom:cases=1,first=9", attack=["fgsm"], **asked)
    assert set(run.to_frame().status) <= {"ok", "missed"}
    assert robustq.analyse({"m": trained}, "phantom:cases=1,first=9", check="latent-variance", levels=[10], draws=2)
    assert robustq.minimal_levels({"m": trained}, "phantom:cases=1,first=9", "gaussian", resolution=5, draws=1)


@pytest.mark.parametrize(
    ("preparation", "channels", "words"),
    [
        (Preparation(channels=3), 1, r"1 image channel, the model takes 3: .*--grey-to-rgb .*grey_to_rgb=True"),
        (GREY_TO_RGB, 3, "3 image channels, the model takes 1: wrap the model without --grey-to-rgb"),
        (Preparation(channels=4), 1, "1 image channel, the model takes 4: wrap the model with --in-channels 1"),
    ],
)
def test_images_with_other_channels_are_refused_with_the_way_out(
    preparation: Preparation, channels: int, words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        preparation(stored(channels))


def test_a_network_that_takes_another_number_of_channels_cannot_be_shown_a_repeated_image() -> None:
    with pytest.raises(RequestError, match="the network takes 1: give channels=3"):
        Preparation(grey_to_rgb=True)


def test_the_bundle_keeps_the_field_and_says_nothing_where_it_is_off() -> None:
    assert "grey_to_rgb" not in Preparation().to_dict()
    document = json.loads(json.dumps(GREY_TO_RGB.to_dict()))
    assert Preparation.from_dict(document) == GREY_TO_RGB
    with pytest.raises(RequestError, match="grey_to_rgb='yes', which is not a valid value"):
        Preparation.from_dict(document | {"grey_to_rgb": "yes"})


def test_a_plain_rgb_network_is_told_of_the_field_and_measured_with_it() -> None:
    pairs = [(noise(1, 16, 12, seed=seed), torch.randint(2, (16, 12))) for seed in range(2)]
    with pytest.raises(RequestError, match=r"one channel, .*Preparation\(channels=3, grey_to_rgb=True"):
        robustq.stress({"plain": Watched()}, pairs, levels=[10], draws=1)
    asked = replace(GREY_TO_RGB, normalise="none")
    run = robustq.stress({"plain": Watched()}, pairs, preparation=asked, levels=[10], draws=1)
    assert len(run.to_frame())
    with pytest.raises(RequestError, match="grey_to_rgb=True"):
        robustq.minimal_level(Watched(), Preparation()(stored()), "gaussian", draws=1)


MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize("grey", [True, False])
def test_the_network_sees_an_unperturbed_image_as_torchvision_normalises_it(grey: bool) -> None:
    preparation = Preparation(channels=3, grey_to_rgb=grey, normalise="imagenet")
    image = torch.randint(256, (1 if grey else 3, 16, 12), generator=torch.Generator().manual_seed(0)).float()
    case = preparation(replace(stored(len(image)), image=image))
    segmenter = model(preparation)
    segmenter.run(case.image[None])
    expected = normalize((image / 255).expand(3, 16, 12), MEAN, DEVIATION)
    torch.testing.assert_close(segmenter.network.seen[0][0], expected, rtol=0, atol=1e-6)


def test_other_means_and_standard_deviations_stand_for_each_channel() -> None:
    numbers = ((0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    preparation = Preparation(channels=3, normalise="mean-std", mean_std=numbers)
    case, segmenter = preparation(stored(3)), model(preparation)
    segmenter.run(case.image[None])
    for channel, (mean, deviation) in enumerate(zip(*numbers, strict=True)):
        expected = (stored(3).image[channel] / 255 - mean) / deviation
        torch.testing.assert_close(segmenter.network.seen[0][0, channel], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", [0, 5, 40])
def test_a_standardised_grey_image_has_one_noise_as_large_as_the_level_says(level: float) -> None:
    preparation = Preparation(channels=3, grey_to_rgb=True, normalise="imagenet")
    flat = replace(stored(), image=torch.full((1, 64, 64), 128.0), mask=None)
    case, segmenter = preparation(flat), model(preparation)
    assert case.intensity_range.tolist() == [[0, 1]]
    perturber = Perturber({"gaussian": load("perturbations", "gaussian")()}, DrawSettings(seed=0))
    for image in (case.image, perturber(case, "gaussian", level, 0).image):
        segmenter.run(image[None])
    clean, noisy = (seen[0] for seen in segmenter.network.seen)
    noises = (noisy - clean) * torch.tensor(DEVIATION)[:, None, None]  # back to shares of the intensity range
    torch.testing.assert_close(noises, noises[:1].expand_as(noises), rtol=0, atol=1e-6)
    assert noises[0].std().item() == pytest.approx(level / 100, rel=0.05)


def test_a_level_means_the_same_in_each_channel_of_an_rgb_image_whatever_standardises_it() -> None:
    raw, standardised = (Preparation(channels=3, normalise=name)(stored(3)) for name in ("none", "imagenet"))
    perturber = Perturber({"gaussian": load("perturbations", "gaussian")()}, DrawSettings(seed=0))
    expected = perturber(raw, "gaussian", 20, 0).image / 255
    torch.testing.assert_close(perturber(standardised, "gaussian", 20, 0).image, expected, rtol=0, atol=1e-5)


def test_an_attack_stays_within_its_share_of_the_grey_range() -> None:
    preparation = Preparation(channels=3, grey_to_rgb=True, normalise="imagenet")
    case = preparation(stored())
    (attack,) = load_attacks(["pgd"]).values()
    attacked = attack(case, 2.0, torch.Generator().manual_seed(0), model(preparation))
    change = attacked.image - case.image
    assert 0.01 < change.abs().max() <= 0.02 + 1e-6
