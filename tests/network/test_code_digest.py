"""What a network given by hand is known by, and that a bundle says when another one takes its place."""

import functools
from pathlib import Path

import pytest
import torch
from torch import nn

import robustq
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.model.spec import CHANGED
from robustq.network.code_digest import code_digest
from robustq.network.own_file import network_from_file

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.down = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.up = nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(width, 4, 1)

    def forward(self, images):
        return {sign}self.head(self.up(torch.relu(self.down(images))))

def make():
    return Net({width})
"""


def network(folder: Path, *, sign: str = "", width: str = "", comment: str = "") -> nn.Module:
    """From a file of the same name every time."""
    folder.mkdir(exist_ok=True)
    source = SOURCE.format(sign=sign, width=width).replace("        return", f"        {comment}\n        return")
    (folder / "net.py").write_text(source)
    return network_from_file(f"{folder / 'net.py'}:make")


def test_the_digest_depends_on_code_and_settings_not_on_weights_comments_or_place(tmp_path: Path) -> None:
    first = code_digest(network(tmp_path / "a"))
    assert code_digest(network(tmp_path / "a")) == first
    assert code_digest(network(tmp_path / "b", comment="# what comes out")) == first
    assert code_digest(network(tmp_path / "c", sign="-")) != first
    assert code_digest(network(tmp_path / "d", width="8")) != first


def test_where_something_lies_in_memory_does_not_count() -> None:
    class Printing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.function = functools.partial(lambda value: value)

        def extra_repr(self) -> str:
            return str(self.function.func)

    one, other = Printing(), Printing()
    assert repr(one) != repr(other)
    assert code_digest(one) == code_digest(other)


def bundle(path: Path, made: nn.Module) -> None:
    preparation = robustq.Preparation(dims=2, size=(32, 32), labels=LABELS)
    example = torch.zeros(1, 1, 32, 32)
    robustq.wrap(made, "8x4", at="down", classes=4, preparation=preparation, example=example).save(path)


def test_a_bundle_in_another_network_whose_weights_fit_says_so_and_goes_on_with_no_run(tmp_path: Path) -> None:
    plain, flipped = network(tmp_path / "a"), network(tmp_path / "b", sign="-")
    bundle(tmp_path / "m.safetensors", plain)
    same = robustq.load(tmp_path / "m.safetensors", module=plain)
    other = robustq.load(tmp_path / "m.safetensors", module=flipped)
    assert CHANGED not in same.spec.status
    assert CHANGED in other.spec.status

    asked = {"data": "phantom:cases=1", "levels": [10], "draws": 1, "out": tmp_path / "run"}
    run = robustq.stress({"m": same}, **asked)
    with pytest.raises(RequestError, match=r"holds another run \(it differs in models\)"):
        robustq.stress({"m": other}, **asked)
    again = robustq.stress({"m": robustq.load(tmp_path / "m.safetensors", module=network(tmp_path / "c"))}, **asked)
    assert again.to_frame().equals(run.to_frame())


def test_fresh_weights_that_are_trained_with_changed_code_belong_to_it_and_trained_ones_do_not(tmp_path: Path) -> None:
    bundle(tmp_path / "m.safetensors", network(tmp_path / "a"))
    flipped = network(tmp_path / "b", sign="-")
    recipe = robustq.Recipe(epochs=1, augmentation=False, precision="fp32")
    changed = robustq.load(tmp_path / "m.safetensors", module=flipped)
    trained = robustq.train(changed, "phantom:cases=4", tmp_path / "trained.safetensors", recipe)
    assert CHANGED not in trained.spec.status
    opened = robustq.load(tmp_path / "trained.safetensors", module=flipped)
    assert CHANGED not in opened.spec.status

    again = robustq.load(tmp_path / "trained.safetensors", module=network(tmp_path / "c"))
    tuned = robustq.train(again, "phantom:cases=4", tmp_path / "tuned.safetensors", recipe)
    assert CHANGED in tuned.spec.status


def test_a_named_architecture_needs_no_digest(tmp_path: Path) -> None:
    model = robustq.wrap("unet", "8x4", width=4, scales=2, groups=2)
    model.save(tmp_path / "m.safetensors")
    assert robustq.load(tmp_path / "m.safetensors").spec.digest == ""


def test_bundles_of_before_the_digest_carry_no_remark(tmp_path: Path) -> None:
    made = network(tmp_path / "a")
    bundle(tmp_path / "m.safetensors", made)
    model = robustq.load(tmp_path / "m.safetensors", module=made)
    model.spec = model.spec.but(digest="")
    model.save(tmp_path / "old.safetensors")
    assert robustq.load(tmp_path / "old.safetensors", module=made).spec.status == model.spec.status


TYPED = """
from torch import nn
class Typed(nn.Module):
    def forward(self, images):
        return images
"""


def test_a_network_that_was_typed_in_has_a_digest_too() -> None:
    namespace: dict[str, type[nn.Module]] = {}
    exec(TYPED, namespace)
    assert code_digest(namespace["Typed"]()) == code_digest(namespace["Typed"]())
