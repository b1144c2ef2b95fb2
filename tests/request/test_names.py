"""Chains, presets and imported transforms: every way in which a perturbation can be asked for."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchio

import robustq
from networks import small
from robustq import registry
from robustq.data.open_dataset import open_dataset
from robustq.draws.by_name import load_perturbations
from robustq.draws.chain import Chain
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.errors import RequestError
from robustq.request.names import PRESETS, asked_perturbations, canonical_perturbation
from robustq.testing import check_perturbation

EARLIER = hasattr(torchio, "RandomAffine")
"""Whether TorchIO is older than 2.0."""
LABELS = tuple(sorted(open_dataset("phantom").labels.items()))


def image(*size: int) -> torch.Tensor:
    return torch.rand(1, 1, *(size or (12, 14)), dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_a_chain_is_named_by_its_members_in_order() -> None:
    assert canonical_perturbation("gauss + blur") == "gaussian+blur"
    assert canonical_perturbation("blur+gaussian") == "blur+gaussian"
    assert asked_perturbations(["blur+s&p,gaussian", "gauss"]) == ["blur+salt-and-pepper", "gaussian"]


def test_a_chain_applies_its_members_one_after_the_other_at_the_same_level() -> None:
    ours = robustq.perturb(image(), "brightness+contrast", level=40, intensity_range=(0, 1), seed=3)
    drawn = draw_generator(3, "0", "brightness+contrast", 0)
    expected, limits = image()[0], torch.tensor([[0.0, 1.0]])
    for name in ("brightness", "contrast"):
        own = torch.Generator().manual_seed(int(torch.randint(2**63 - 1, (1,), generator=drawn)))
        expected = registry.load("perturbations", name)().apply(expected, 40, limits, own)
    torch.testing.assert_close(ours[0], expected)
    backwards = robustq.perturb(image(), "contrast+brightness", level=40, intensity_range=(0, 1), seed=3)
    assert not backwards.allclose(ours)


def test_a_member_that_is_named_twice_draws_twice() -> None:
    flat = torch.zeros(1, 1, 200, 200, dtype=torch.float64)
    noisy = robustq.perturb(flat, "gaussian+gaussian", level=30, intensity_range=(0, 1))
    assert noisy.std().item() == pytest.approx(0.3 * np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("name", ["gaussian+contrast", "elastic+rician"])
def test_a_chain_keeps_the_contract(name: str) -> None:
    (chain,) = load_perturbations([name]).values()
    assert isinstance(chain, Chain)
    assert chain.moves_truth == ("elastic" in name)
    check_perturbation(chain)


def test_a_chain_says_the_parameters_of_all_its_members() -> None:
    (chain,) = load_perturbations(["gaussian+jpeg"]).values()
    told = chain.parameters(10, torch.tensor([[0.0, 2.0]]))
    assert told == {
        "gaussian.sigma": pytest.approx(0.2),
        "jpeg.scale": pytest.approx(0.5),
        "jpeg.quality": pytest.approx(75),
    }


def test_a_chain_takes_the_papers_formulas_where_all_its_members_have_them() -> None:
    assert list(load_perturbations(["gauss+speckle"], "paper-code")) == ["paper-code:gaussian+speckle"]
    with pytest.raises(RequestError, match="'blur' has no paper-code formula"):
        load_perturbations(["gaussian+blur"], "paper-code")


@pytest.mark.parametrize("text", ["gaussian+", "+", "", "gaussian++blur"])
def test_a_missing_member_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="lacks the name of a perturbation"):
        canonical_perturbation(text)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_holds_registered_names_each_once(preset: str) -> None:
    names = asked_perturbations(None, preset)
    assert names == list(PRESETS[preset])
    assert set(names) <= set(registry.names("perturbations"))
    assert len(set(names)) == len(names)


def test_a_preset_stands_beside_what_was_named_and_all_is_everything_registered() -> None:
    assert asked_perturbations(["speckle", "blur"], "mri") == ["speckle", "blur"] + [
        name for name in PRESETS["mri"] if name != "blur"
    ]
    assert asked_perturbations(None, "all") == registry.names("perturbations")
    assert asked_perturbations(None) == ["gaussian"]
    with pytest.raises(RequestError, match="unknown preset 'x-ray': did you mean xray"):
        asked_perturbations(None, "x-ray")


def test_names_are_checked_before_torch_is_imported() -> None:
    code = "import sys; from robustq.errors import RequestError\n"
    code += "from robustq.request.names import asked_perturbations as asked\n"
    code += (
        "asked(['gauss+torchio:RandomNoise'], 'all')\ntry: asked(['gauss+blurr'])\nexcept RequestError as e: print(e)\n"
    )
    code += "sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "unknown perturbation 'blurr': did you mean blur?"


@pytest.mark.parametrize("command", ["stress", "analyse"])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--preset", "mrt"), "unknown preset 'mrt': did you mean mri?"),
        (("--noise", "gaussian+blurr"), "unknown perturbation 'blurr': did you mean blur?"),
    ],
)
def test_a_wrong_word_ends_in_one_sentence(command: str, words: tuple[str, ...], sentence: str, tmp_path) -> None:
    code = "from robustq_cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, command, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_an_imported_transform_is_blended_in_one_draw_at_every_level() -> None:
    ten, thirty = (
        robustq.perturb(image(), "torchio:RandomBiasField", level=level, intensity_range=(0, 2)) for level in (10, 30)
    )
    torch.testing.assert_close(3 * (ten - image()), thirty - image(), rtol=1e-4, atol=1e-8)
    with seeded_globals(draw_generator(0, "0", "torchio:RandomBiasField", 0)):
        transform = torchio.RandomBiasField() if EARLIER else torchio.BiasField()
        whole = transform((image()[0] / 2).float().unsqueeze(-1))[..., 0].double()
    torch.testing.assert_close(ten[0], image()[0] + 0.1 * (2 * whole - image()[0]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["RandomBiasField", "RandomNoise"])
def test_imported_transforms_keep_the_contract(name: str) -> None:
    check_perturbation(*load_perturbations([f"torchio:{name}"]).values())


def test_both_names_of_a_transform_mean_it_whichever_torchio_is_installed() -> None:
    old, new = load_perturbations(["torchio:RandomNoise", "torchio:Noise"]).values()
    assert type(old.transform) is type(new.transform)


@pytest.mark.skipif(EARLIER, reason="up to 1.x, every random transform has an effect by default")
def test_a_transform_that_does_nothing_by_default_is_refused() -> None:
    with pytest.raises(RequestError, match=r"its defaults change nothing in TorchIO 2.*choose one of BiasField"):
        load_perturbations(["torchio:RandomGamma"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RandomGosting", "unknown TorchIO transform 'RandomGosting': did you mean (Random)?Ghosting"),
        ("RandomFlip", "not an intensity transform.*use affine or elastic"),
        ("RandomAnisotropy", "not an intensity transform.*use anisotropy"),
        ("RandomElasticDeformation", "use elastic"),
        ("OneHot", "not an intensity transform"),
        ("Subject", "unknown TorchIO transform 'Subject'"),
        ("HistogramStandardization", "needs the settings landmarks.*Ghosting"),
        ("PCA", "cannot be applied to every image alone"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(name: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        load_perturbations([f"torchio:{name}"])


def test_a_chain_and_an_imported_transform_are_stressed_and_analysed_under_their_names() -> None:
    names = ["gauss+blur", "torchio:RandomNoise"]
    preparation = robustq.Preparation(size=(24, 20), labels=LABELS)
    models = {"m": small("16x4", classes=4, preparation=preparation)}
    run = robustq.stress(models, "phantom:cases=1,domain=A", noise=names, levels=[20], draws=2)
    rows = run.to_frame().query("metric == 'dice' and level == 20")
    assert set(rows["perturbation"]) == {"gaussian+blur", "torchio:RandomNoise"}
    assert {tuple(json.loads(text)) for text in rows["parameters"]} == {
        ("gaussian.sigma", "blur.largest_deviation"),
        ("blend", "torchio"),
    }
    analysis = robustq.analyse(
        models, "phantom:cases=1,domain=A", check="latent-variance", noise=names, levels=[20], draws=2
    )
    assert {"gaussian+blur", "torchio:RandomNoise"} <= set(analysis.to_frame()["perturbation"])
