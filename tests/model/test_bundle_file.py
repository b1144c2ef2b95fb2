import gc
import json
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

import robustq
from networks import Strangers, noise, small
from robustq.errors import RequestError
from robustq.model.bundle_file import read_state, save


@settings(max_examples=15, deadline=None)
@given(
    quantise=st.sampled_from(["none", "identity:5", "7x3", "vq:4x2,loss=norm,beta=0.5"]),
    dims=st.sampled_from([2, 3]),
    classes=st.integers(1, 4),
    skips=st.sampled_from(["keep", "drop"]),
    seed=st.integers(0, 100),
)
def test_a_bundle_round_trips_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, quantise: str, dims: int, classes: int, skips: str, seed: int
) -> None:
    model = small(quantise, dims=dims, classes=classes, skips=skips, seed=seed)
    path = tmp_path_factory.mktemp("bundle") / "model.safetensors"
    model.save(path)
    again = robustq.load(path)
    assert again.spec == model.spec
    assert list(again.state_dict()) == list(model.state_dict())
    assert all(again.state_dict()[name].equal(value) for name, value in model.state_dict().items())
    images = noise(1, 1, *[6] * dims)
    with torch.no_grad():
        assert again(images).equal(model(images))


def test_a_network_given_by_hand_comes_back_when_it_is_given_again(tmp_path: Path) -> None:
    images = noise(1, 1, 8, 6)
    model = robustq.wrap(Strangers(), "8x3", at="down", example=images).eval()
    model.save(tmp_path / "by-hand.safetensors")
    with pytest.raises(RequestError, match="a network given by hand: pass it"):
        robustq.load(tmp_path / "by-hand.safetensors")
    again = robustq.load(tmp_path / "by-hand.safetensors", module=Strangers())
    with torch.no_grad():
        assert again(images)["out"].equal(model(images)["out"])


def test_an_untrained_bundle_says_so(tmp_path: Path) -> None:
    small().save(tmp_path / "fresh.safetensors")
    assert robustq.load(tmp_path / "fresh.safetensors").spec.status == ("untrained: its weights are random",)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    small().save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_a_bundle_that_is_read_again_and_again_leaves_no_object_behind(bundle: Path) -> None:
    read_state(bundle)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        read_state(bundle)
    gc.collect()
    assert sys.getallocatedblocks() - before < 50  # less than one object each time


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.bfloat16, torch.float8_e4m3fn])
def test_tensors_of_any_dtype_and_shape_come_back(bundle: Path, dtype: torch.dtype) -> None:
    model = small()
    ones = torch.ones(3, 8, dtype=torch.uint8).view(dtype)
    state = model.state_dict() | {"matrix": ones, "scalar": ones.flatten()[0].clone(), "empty": ones[:0].clone()}
    save(state, model.spec, bundle)
    again = read_state(bundle)
    assert list(again) == sorted(state)
    for name, tensor in state.items():
        assert (again[name].dtype, again[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(again[name].reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


def test_a_dtype_that_safetensors_reads_only_one_tensor_at_a_time_comes_back(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_state(bundle)

    def unknown(content: bytes) -> dict[str, torch.Tensor]:
        raise KeyError("F8_E8M0")

    monkeypatch.setattr("robustq.model.bundle_file.deserialise", unknown)
    again = read_state(bundle)
    assert list(again) == list(whole)
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.items())


def with_spec(bundle: Path, **changes: object) -> None:
    """Rewrite entries of a bundle's spec."""
    with safe_open(bundle, framework="pt") as file:
        spec = json.loads(file.metadata()["robustq"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    save_file(tensors, bundle, metadata={"robustq": json.dumps(spec | changes)})


def test_a_truncated_bundle_is_refused_at_any_length(bundle: Path) -> None:
    whole = bundle.read_bytes()
    for length in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        bundle.write_bytes(whole[:length])
        with pytest.raises(RequestError, match="truncated or not a safetensors file"):
            robustq.load(bundle)


def test_what_is_not_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no model file"):
        robustq.load(tmp_path / "nowhere.safetensors")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "pickle.safetensors")
    with pytest.raises(RequestError, match="not a safetensors file"):
        robustq.load(tmp_path / "pickle.safetensors")
    save_file({"weights": torch.zeros(3)}, tmp_path / "bare.safetensors")
    with pytest.raises(RequestError, match="without a robustq spec"):
        robustq.load(tmp_path / "bare.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "uunet"}, "unknown architecture 'uunet': did you mean unet"),
        ({"quantise": "vqq:16x4"}, "unknown quantiser 'vqq'"),
        ({"version": 99}, "version 99, this robustq reads 1: update robustq"),
        ({"quantise": "16x8"}, "cannot be rebuilt"),
        ({"classes": 3}, "3 output channels with answer=softmax answer for 2 labels"),
        ({"surprise": 1}, r"exactly the entries of version 1 \(it differs in surprise\)"),
        ({"site": "nowhere"}, "unknown site 'nowhere'"),
        ({"arguments": {"widht": 4}}, "does not take all of these settings"),
        # A network of terabytes, which must be refused before memory is taken for it.
        ({"arguments": {"width": 2**17}}, "describes a network of .* MB, and it holds 0 MB of weights"),
        ({"quantise": f"{2**22}x64"}, "describes a network of .* MB, and it holds 0 MB of weights"),
    ],
)
def test_a_spec_that_cannot_be_followed_is_refused(bundle: Path, changes: dict[str, object], words: str) -> None:
    with_spec(bundle, **changes)
    with pytest.raises(RequestError, match=words) as refused:
        robustq.load(bundle)
    assert str(bundle) in str(refused.value)


def test_a_bundle_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    small().save(tmp_path / "deep" / "model.safetensors")
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["model.safetensors"]
    with pytest.raises(RequestError, match=r"named \*.safetensors, and 'model\.pt' is not: give model\.safetensors"):
        small().save(tmp_path / "model.pt")
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot write"):
        small().save(tmp_path / "file" / "model.safetensors")


def test_weights_of_a_training_that_diverged_are_refused(tmp_path: Path) -> None:
    model = small()
    with torch.no_grad():
        model.network.head[-1].bias.fill_(float("nan"))
    with pytest.raises(RequestError, match=r"NaN or infinite \(network.head.2.bias\), and no bundle .* is written"):
        model.save(tmp_path / "m.safetensors")
    save(model.state_dict(), model.spec, tmp_path / "m.safetensors")  # as earlier versions wrote it
    with pytest.raises(RequestError, match="its training diverged"):
        robustq.load(tmp_path / "m.safetensors")
