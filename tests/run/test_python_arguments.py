"""What people give to the functions: lists or texts of names, paths, arrays; and what cannot be meant."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Picture
from torch import nn

import robustq
from networks import noise

SETUP = """
import json, sys
import numpy as np, torch
from torch import nn
import robustq
pairs = [(torch.rand(1, 8, 8), torch.ones(8, 8, dtype=torch.long)) for _ in range(2)]
network, images = nn.Conv2d(1, 2, 3, padding=1), torch.rand(1, 1, 8, 8)
def stress(**asked):
    return robustq.stress(**{"models": {"m": network}, "data": pairs, "draws": 1, "levels": [0, 10], **asked})
"""

REFUSED = {
    "stress(levels=10)": "levels=10 is not a list of numbers: give percentages from 0 to 100",
    "stress(levels=['ten'])": "levels=['ten'] is not a list of numbers",
    "stress(draws=2.5)": "draws=2.5 is not a whole number",
    "stress(draws='2')": "draws='2' is not a whole number",
    "stress(models={'m': network.state_dict()})": "m is a OrderedDict, not a model: give a network",
    "stress(models={'m': nn.Conv2d})": "m is the class Conv2d, not a model",
    "stress(models={'m': abs})": "m is a builtin_function_or_method, not a model",
    "stress(preparation={'size': (8, 8)})": "preparation is a dict: give robustq.Preparation(...)",
    "robustq.Preparation(size=64)": "size=64 is not a size: give 2 numbers, as in size=(64, 64)",
    "robustq.Preparation(labels={1: 'lung'})": "give pairs, as in labels=((1, 'lung'), (5, 'heart'))",
    "robustq.Preparation(labels=('lung',))": "is not a sequence of mask values with names",
    "robustq.InMemoryDataset(pairs, spacing=2.0)": "spacing=2.0 is not a list of numbers",
    "robustq.InMemoryDataset(pairs, spacing=(1, -1))": "spacing=(1.0, -1.0) has an entry that is not above 0",
    "robustq.wrap(network, (8, 4), example=images)": "quantise=(8, 4) is not a text",
    "robustq.wrap(network, example=images.numpy())": "the example is a ndarray: give a tensor",
    "robustq.wrap(network, example=images.byte())": "the example is of torch.uint8: give it as the network takes it",
    "robustq.wrap(network, example=images[0])": "the example has the shape (1, 8, 8): give images (B, C, *S)",
    "robustq.perturb([[0.0]], 'gaussian', level=1)": "images were given as a list",
    "robustq.geometry.radii(np.ones((4, 2)))": "vectors were given as a ndarray: give tensors",
}
"""Call -> what the refusal says. Tests check annotations, so the calls are made outside, as users make them."""

ACCEPTED = {
    "stress(levels=np.array([0.0, 10.0])).asked['levels']": [0.0, 10.0],
    "stress(levels='0,10').asked['levels']": [0.0, 10.0],
    "robustq.metrics.dice([[1, 0], [1, 0]], [[1, 1], [0, 0]])": 0.5,
}
"""Call -> its result."""


def test_calls_that_annotations_do_not_allow_are_understood_or_refused_in_words() -> None:
    script = f"""{SETUP}
answers = {{}}
for call in json.load(sys.stdin):
    try:
        answers[call] = eval(call)
    except robustq.RequestError as error:
        answers[call] = str(error)
json.dump(answers, sys.stdout, default=repr)
"""
    calls = json.dumps([*REFUSED, *ACCEPTED])
    done = subprocess.run([sys.executable, "-c", script], input=calls, capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    assert {call: answers[call] for call, words in REFUSED.items() if words not in str(answers[call])} == {}
    assert {call: answers[call] for call in ACCEPTED} == ACCEPTED


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(1, 2, 3, padding=1)


def test_names_are_given_as_a_list_or_as_one_text() -> None:
    pairs = [(torch.rand(1, 8, 8), torch.ones(8, 8, dtype=torch.long))]
    first, other = (
        robustq.stress({"m": network()}, pairs, noise=names, metrics=metrics, levels=[10], draws=1).to_frame()
        for names, metrics in ((["gaussian", "poisson"], ["dice", "iou"]), ("gaussian, poisson", "dice,iou"))
    )
    assert first.equals(other)
    assert {*first["metric"]} == {"dice", "iou"}
    assert {*first["perturbation"]} == {"gaussian", "poisson"}
    attacked = robustq.stress({"m": network()}, pairs, attack="fgsm", levels=[1])
    assert attacked.asked["perturbations"] == ["fgsm"]


def test_data_are_named_by_a_path(tmp_path: Path) -> None:
    for name, value in (("images", 200), ("masks", 1)):
        (tmp_path / "d" / name).mkdir(parents=True)
        Picture.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / "d" / name / "a.png")
    model = robustq.wrap(network(), "none", example=noise(1, 1, 8, 8))
    run = robustq.stress({"m": model}, tmp_path / "d", levels=[0])
    assert run.summary()["cases"] == 1
    assert robustq.open_dataset(tmp_path / "d").entries[0].id == "a"
