"""Every registered quantiser in a whole stress run, a whole analysis and a resumed training."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console

import robustq
from networks import small
from robustq import registry
from robustq.data.open_dataset import open_dataset
from robustq.geometry import margins, nearest_codes, radii
from robustq.model.segmenter import Segmenter
from robustq.quantiser import perplexity, usage
from robustq.results.analysis import Analysis
from robustq.training.recipe import Recipe

NUMBERS = {"Q": "2", "G": "2", "K": "16", "D": "6", "L": "5", "...": "4", "BITS": "6"}
NAMES = registry.names("quantisers")
OWN = [name for name in NAMES if ":" not in name]
LABELS = tuple(sorted(open_dataset("phantom").labels.items()))


def model(name: str) -> Segmenter:
    """A small untrained segmenter with a quantiser of that name."""
    grammar = registry.load("quantisers", name).grammar
    text = f"{name}:{'x'.join(NUMBERS[part] for part in grammar.split('x'))}"
    return small(text, classes=4, preparation=robustq.Preparation(dims=2, size=(24, 20), labels=LABELS))


@pytest.fixture(scope="module")
def models() -> dict[str, Segmenter]:
    return {name: model(name) for name in OWN}


@pytest.fixture(scope="module")
def whole(models: dict[str, Segmenter]) -> Analysis:
    with pytest.MonkeyPatch.context() as patch:
        # Every figure is made; rendering them would take a minute, and the long test below does.
        patch.setattr(Figure, "savefig", lambda figure, path, **settings: Path(path).touch())
        return robustq.analyse(models, "phantom:cases=2,domain=A", check="all", levels=[30], draws=3)


def metrics(analysis: Analysis, name: str) -> set[str]:
    frame = analysis.to_frame()
    return set(frame[frame["model"] == name]["metric"])


def clean_codes(segmenter: Segmenter) -> torch.Tensor:
    """The codes of the clean cases, as one batch."""
    data = open_dataset("phantom:cases=2,domain=A")
    prepare = segmenter.spec.preparation
    with torch.no_grad():
        return segmenter.run(torch.stack([prepare(data.read(entry)).image for entry in data.entries])).codes


@pytest.mark.parametrize("name", OWN)
def test_what_applies_is_given_and_what_does_not_is_not(name: str, whole: Analysis) -> None:
    found = metrics(whole, name)
    assert {"alive", "raw", "relative", "true_shift", "linearisation_error"} <= found
    coded = {"flip_rate", "codes_in_use", "utilisation", "perplexity", "codebook_size", "code_tokens"}
    placed = {"r", "r_i", "uniformity", "safe_by_margin", "largest_safe_level", "beyond_radius"}
    if name == "identity":
        assert not found & (coded | placed)
    elif name in ("fsq", "lfq"):
        assert coded <= found
        assert not found & placed
    else:
        assert coded | placed <= found


@pytest.mark.parametrize("name", [name for name in OWN if name != "identity"])
def test_use_of_the_codes_is_that_of_a_count_by_hand(name: str, whole: Analysis, models: dict[str, Segmenter]) -> None:
    codes = clean_codes(models[name])
    stages, size = models[name].quantiser.capacity
    frame = whole.to_frame().query(f"model == '{name}'")
    for stage in range(stages):
        told = frame[frame["label"] == (str(stage) if stages > 1 else "")].set_index("metric")["value"]
        used, counts = np.unique(codes[:, stage], return_counts=True)
        share = counts / counts.sum()
        assert told["codes_in_use"] == len(used)
        assert told["codebook_size"] == size
        assert told["perplexity"] == pytest.approx(np.exp(-(share * np.log(share)).sum()))


def test_cosine_is_on_the_sphere_in_every_table(whole: Analysis, models: dict[str, Segmenter]) -> None:
    frame = whole.to_frame().query("model == 'cosine'").set_index("metric")["value"]
    assert frame["norm_cv"] == pytest.approx(0, abs=1e-6)
    assert frame["norm_mean"] == pytest.approx(1)
    quantiser = models["cosine"].quantiser
    units = quantiser.codebook.detach().double()
    units = units / units.norm(dim=1, keepdim=True)
    assert sorted(frame["r_i"]) == pytest.approx(sorted(radii(units).tolist()), abs=1e-6)
    data = open_dataset("phantom:cases=2,domain=A")
    found = []
    for entry in data.entries:
        with torch.no_grad():
            embedding = models["cosine"].encode(models["cosine"].spec.preparation(data.read(entry)).image[None])
        tokens = embedding[0].flatten(1).T.double()
        tokens = tokens / tokens.norm(dim=1, keepdim=True)
        assert nearest_codes(tokens, units).equal(models["cosine"].quantiser(embedding).codes.flatten())
        found.append(margins(tokens, units).mean().item())
    assert sorted(frame["finite_margin"]) == pytest.approx(sorted(found), rel=1e-4)


def test_the_tables_say_where_distances_are_taken_and_what_does_not_apply(whole: Analysis) -> None:
    shown = io.StringIO()
    for table in whole.tables():
        Console(file=shown, width=2000).print(table)
    text = " ".join(shown.getvalue().split())
    for words in (
        "cosine: shifts and distances in the embedding on the unit sphere",
        "fsq: codes without vectors of their own, so radii, margins and distances to codes do not apply; shifts and "
        "distances in the embedding after its tanh",
        "lfq: its codes have no vectors, so radii and spread do not apply",
        "residual: 2 stages; distances, margins and flips here are those of the first",
        "identity has no codebook, so no value applies.",
    ):
        assert words in text, words


@pytest.mark.long
def test_every_registered_quantiser_is_analysed() -> None:
    found = robustq.analyse(
        {name.replace(":", "-"): model(name) for name in NAMES}, "phantom:cases=1", levels=[30], draws=2
    )
    for name in NAMES:
        told = metrics(found, name.replace(":", "-"))
        assert {"alive", "relative", "true_shift"} <= told
        assert name == "identity" or {"flip_rate", "codes_in_use", "perplexity"} <= told
    assert len(found.tables()) >= 7


def test_stress_counts_the_codes_of_all_stages_and_of_lattices(models: dict[str, Segmenter]) -> None:
    run = robustq.stress(models, "phantom:cases=2,domain=A", levels=[0], draws=1)
    for name, told in run.codes().items():
        if name == "identity":
            assert told.used is None
            continue
        stages, size = models[name].quantiser.capacity
        codes = clean_codes(models[name])
        assert told.size == stages * size
        assert told.used == sum(len(stage.unique()) for stage in codes.unbind(1))
        assert told.perplexity == pytest.approx(perplexity(usage(codes, size)).mean().item())


class Killed(BaseException):
    """What a process sees when it is told to stop."""


@pytest.mark.parametrize("name", ["ema", "gumbel"])
def test_a_killed_training_draws_the_same_numbers_when_it_goes_on(name: str, tmp_path: Path) -> None:
    data, recipe = "phantom:cases=4,domain=A", Recipe(epochs=2, batch_size=2, precision="fp32", learning_rate=1e-3)

    def train(out: str, seed: int, **settings: object) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)  # whatever the process drew before
        return robustq.train(model(name), data, tmp_path / out, recipe, **settings).state_dict()

    def die(epoch: object) -> None:
        raise Killed

    whole = train("whole.safetensors", 1)
    with pytest.raises(Killed):
        train("killed.safetensors", 2, on_epoch=die)
    resumed = train("killed.safetensors", 3)
    assert all(value.equal(resumed[key]) for key, value in whole.items())
