"""The grammar of a study file."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustq.errors import RequestError
from robustq.request import study_keys
from robustq.request.study import StudyRequest, read_study

ROOT = Path(__file__).parents[2]
LEAST: dict[str, Any] = {"data": {"train": "phantom"}, "models": [{"arch": "unet", "quantise": "16x4"}]}


def test_the_least_study_has_the_defaults_of_the_commands() -> None:
    request = StudyRequest.parse(LEAST)
    assert (request.train, request.test, request.seeds, request.baseline) == (("phantom",), ("phantom",), (0,), None)
    assert (request.stress, request.analyse, request.shift) == ({}, None, None)
    assert request.models[0].name == "unet vq:16x4"


def test_a_model_replaces_what_all_models_share() -> None:
    shared = {"arch": "unet", "size": "32x32", "set": {"width": 4, "groups": 2}}
    own = {"name": "own", "size": "16x16", "set": {"width": 8}, "recipe": {"learning-rate": 0.1}}
    request = StudyRequest.parse({**LEAST, "wrap": shared, "recipe": {"epochs": 3}, "models": [own]})
    (model,) = request.models
    assert model.prepared["size"] == (16, 16)
    assert model.settings == {"width": 8, "groups": 2}
    assert model.recipe == {"epochs": 3, "learning_rate": 0.1}


def test_names_and_levels_are_read_as_on_the_command_line() -> None:
    text = StudyRequest.parse({**LEAST, "stress": {"noise": "gaussian,blur", "levels": "0,30", "draws": "auto"}})
    lists = StudyRequest.parse({**LEAST, "stress": {"noise": ["gaussian", "blur"], "levels": [30], "draws": "auto"}})
    assert text.stress == lists.stress == {"noise": ["gaussian", "blur"], "levels": (0, 30), "draws": "auto"}


def test_set_replaces_entries_of_the_file() -> None:
    request = read_study(LEAST, ["data.train=/data/a, b", "seeds=[3, 4]", "recipe.epochs=2"])
    assert (request.train, request.seeds) == (("/data/a, b",), (3, 4))
    assert request.models[0].recipe == {"epochs": 2}
    assert LEAST["data"] == {"train": "phantom"}


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"seed": [0]}, "unknown entry of the study 'seed': did you mean seeds"),
        ({"data": {}}, "names no training set"),
        ({"data": {"train": ["a", "a"]}}, "names twice 'a'"),
        ({"models": []}, "has no model"),
        ({"models": [{"quantise": "none"}]}, "names no architecture"),
        ({"models": [{"arch": "unett"}]}, "did you mean unet"),
        ({"models": LEAST["models"] * 2}, "two models are called 'unet vq:16x4'"),
        ({"models": [{"arch": "unet", "widht": 8}]}, "unknown entry of model 1 'widht'"),
        ({"models": [{"arch": "unet", "size": "big"}]}, "size 'big' is not a list of numbers"),
        ({"models": [{"arch": "unet", "recipe": {"epoch": 1}}]}, "unknown entry of the recipe of model 1 'epoch'"),
        ({"recipe": {"epochs": "many"}}, "give a whole number"),
        ({"recipe": {"augmentation": 1}}, "give true or false"),
        ({"recipe": {"batch-size": 1, "batch_size": 1}}, "gives batch_size twice"),
        ({"recipe": {"augment_noise": "gausian:0..30"}}, "did you mean gaussian"),
        ({"recipe": {"augment_noise": "gaussian:30..0"}}, "the lower one first"),
        ({"seeds": []}, "seeds ="),
        ({"seeds": [1, 1]}, "gives twice the seed 1"),
        ({"baseline": "unet"}, "no model of the study"),
        ({"stress": {"noise": "gausian"}}, "did you mean gaussian"),
        ({"stress": {"levels": [101]}}, "not a percentage"),
        ({"stress": {"draws": 0}}, "draws=0"),
        ({"analyse": {"draws": "auto"}}, "only stress chooses"),
        ({"analyse": {"check": "codebok"}}, "did you mean codebook"),
        ({"shift": {"noise": "blur"}}, "give both, or none"),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(entries: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        StudyRequest.parse({**LEAST, **entries})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.toml").write_text("name =")
    with pytest.raises(RequestError, match="is not a TOML file"):
        read_study(tmp_path / "no.toml")
    with pytest.raises(RequestError, match="cannot read the study file"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(RequestError, match="write KEY=VALUE"):
        read_study(LEAST, ["data.train"])
    with pytest.raises(RequestError, match="which is no table"):
        read_study(LEAST, ["models.0=1"])


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(study_keys.STUDY)) | st.text(max_size=8), _VALUES, max_size=4))
def test_no_contents_end_in_anything_but_a_request_or_a_refusal(entries: dict[str, Any]) -> None:
    try:
        request = StudyRequest.parse({**LEAST, **entries})
    except RequestError:
        return
    assert request.models


def test_a_model_may_have_a_recipe_and_skips_of_its_own() -> None:
    model = {"arch": "unet", "skips": "quantise", "recipe": {"loss": "ce", "augment-noise": "gauss:0.0..30"}}
    (parsed,) = StudyRequest.parse(
        {**LEAST, "models": [model], "recipe": {"loss": "dice", "schedule": "cosine"}}
    ).models
    assert parsed.wrap["skips"] == "quantise"
    assert parsed.recipe == {"loss": "ce", "schedule": "cosine", "augment_noise": "gaussian:0..30"}


def test_the_ablations_name_each_model_once_and_compare_with_the_unet() -> None:
    request = read_study(ROOT / "benchmarks" / "paper" / "ablations.toml", ["data.train=here"])
    recipes = {model.name: dict(model.recipe) for model in request.models}
    assert request.baseline == "unet"
    assert recipes["unet"] == recipes["vq"] == {"epochs": 100, "patience": 20}
    differing = [name for name, recipe in recipes.items() if recipe != recipes["unet"]]
    assert len(differing) == 11
    assert {model.wrap.get("skips", "keep") for model in request.models} == {"keep", "drop", "quantise"}


@pytest.mark.parametrize("name", ["paper.toml", "montgomery.toml"])
def test_the_studies_of_the_paper_are_read(name: str) -> None:
    request = read_study(ROOT / "benchmarks" / "paper" / name, ["data.train=here", 'data.test=["here", "there"]'])
    assert request.test == ("here", "there")
    assert request.baseline == "matched baseline"
    assert request.shift is not None
