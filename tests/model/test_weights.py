"""Weights from elsewhere, a codebook without training, a network from a user's file, and training a part only."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import robustq
from networks import noise, small
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.model.weights import load_weights
from robustq.network.own_file import network_from_file
from robustq.training.calibrate import calibrate
from robustq.training.freeze import freeze
from robustq_unet.unet import UNet

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))


def network(seed: int = 0, **settings: int) -> UNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNet(**{"width": 4, "scales": 2, "groups": 2, **settings})


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(value.equal(other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_model.", "net.", "module.model.", "_orig_mod.module."])
@pytest.mark.parametrize("under", [(), ("state_dict",), ("network_weights",), ("model", "state_dict")])
def test_a_plain_checkpoint_is_found_wherever_trainers_put_it(
    prefix: str, under: tuple[str, ...], tmp_path: Path
) -> None:
    trained, model = network(1), small(seed=2)
    document: object = {prefix + name: value for name, value in trained.state_dict().items()}
    for entry in reversed(under):
        document = {entry: document, "epoch": 3}
    torch.save(document, tmp_path / "trained.pt")
    loaded = load_weights(model.network, tmp_path / "trained.pt")
    assert equal(trained, model.network)
    assert len(loaded.loaded) == len(trained.state_dict())
    assert not loaded.missing + loaded.unused
    for word in (*under, prefix):
        assert word in loaded.text


def test_a_safetensors_file_is_read_and_what_was_not_there_is_told(tmp_path: Path) -> None:
    state = {name: value for name, value in network(1).state_dict().items() if "head" not in name}
    save_file({**state, "extra.weight": torch.ones(2)}, tmp_path / "part.safetensors")
    loaded = load_weights(network(2), tmp_path / "part.safetensors", allow_missing=True)
    assert all("head" in name for name in loaded.missing)
    assert loaded.missing
    assert loaded.unused == ("extra.weight",)
    assert "fresh: head" in loaded.text
    assert "unused: extra.weight" in loaded.text


def test_a_checkpoint_that_lacks_tensors_is_refused_with_the_first_of_them(tmp_path: Path) -> None:
    state = {name: value for name, value in network(1).state_dict().items() if "head" not in name}
    save_file(state, tmp_path / "part.safetensors")
    fresh = network(2)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    with pytest.raises(
        RequestError, match=rf"has {len(state)} of the {len(before)} tensors.*missing: head.*--allow-missing"
    ):
        load_weights(fresh, tmp_path / "part.safetensors")
    assert all(value.equal(before[name]) for name, value in fresh.state_dict().items())


def test_the_checkpoint_of_a_smaller_encoder_is_refused_and_the_option_is_named(tmp_path: Path) -> None:
    smaller, larger = (robustq.wrap("smp:unet", "none", encoder=name).network for name in ("resnet18", "resnet34"))
    torch.save(smaller.state_dict(), tmp_path / "resnet18.pt")
    with pytest.raises(RequestError, match=r"missing: encoder.*--encoder"):
        load_weights(larger, tmp_path / "resnet18.pt")


def test_counts_of_batches_may_be_missing(tmp_path: Path) -> None:
    source = robustq.wrap("smp:unet", "none", encoder="resnet18").network
    state = {name: value for name, value in source.state_dict().items() if "num_batches_tracked" not in name}
    torch.save(state, tmp_path / "old.pt")
    target = robustq.wrap("smp:unet", "none", encoder="resnet18", seed=1).network
    assert all("num_batches_tracked" in name for name in load_weights(target, tmp_path / "old.pt").missing)


class Touch:
    """Pickled so that loading it would run code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("beside", [{"ema": 2}, {"state_dict_ema": 2}])
def test_averaged_weights_beside_the_ones_that_are_loaded_are_named(beside: dict[str, int], tmp_path: Path) -> None:
    others = {name: network(seed).state_dict() for name, seed in beside.items()}
    torch.save({"state_dict": network(1).state_dict(), "epoch": 3, **others}, tmp_path / "c.pt")
    filled = network(0)
    loaded = load_weights(filled, tmp_path / "c.pt")
    assert equal(filled, network(1))
    assert f"not taken: other weights of the same names under {next(iter(others))}" in loaded.text


def test_quantised_weights_without_their_scale_are_refused(tmp_path: Path) -> None:
    state = {name: (100 * value).to(torch.int8) for name, value in network(1).state_dict().items()}
    torch.save(state, tmp_path / "c.pt")
    with pytest.raises(RequestError, match=r"in torch.int8, so its weights are quantised numbers without their scale"):
        load_weights(network(0), tmp_path / "c.pt")


def test_a_checkpoint_without_weights_says_what_it_holds(tmp_path: Path) -> None:
    torch.save({"student": network(1).state_dict(), "epoch": 3}, tmp_path / "c.pt")
    with pytest.raises(RequestError, match="holds no state dict, but the entries student, epoch"):
        load_weights(network(0), tmp_path / "c.pt")


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": network().state_dict(), "hook": Touch(tmp_path / "ran")}, tmp_path / "evil.pt")
    with pytest.raises(RequestError, match="could run code"):
        load_weights(network(), tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_weights_that_do_not_fit_are_refused_in_words(tmp_path: Path) -> None:
    torch.save(network(width=8, groups=4).state_dict(), tmp_path / "wide.pt")
    with pytest.raises(RequestError, match=r"where this network has .*: wrap with the settings"):
        load_weights(network(), tmp_path / "wide.pt")
    torch.save({"a": torch.ones(1)}, tmp_path / "other.pt")
    with pytest.raises(RequestError, match="holds no weight of this network"):
        load_weights(network(), tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(RequestError, match="holds no state dict"):
        load_weights(network(), tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(RequestError, match="could run code"):
        load_weights(network(), tmp_path / "text.pt")
    (tmp_path / "empty.pt").write_bytes(b"")
    with pytest.raises(
        RequestError, match=r"cannot be read as a checkpoint \(EOFError.*\): give a file that torch.save"
    ):
        load_weights(network(), tmp_path / "empty.pt")
    for junk in (b"junk", b"\x80\x02}q\x00", b"PK\x03\x04"):  # each makes an unpickler fail in its own way
        (tmp_path / "junk.pt").write_bytes(junk)
        with pytest.raises(RequestError, match="cannot be read as a checkpoint"):
            load_weights(network(), tmp_path / "junk.pt")
    torch.save({name: value * torch.nan for name, value in network().state_dict().items()}, tmp_path / "nan.pt")
    with pytest.raises(RequestError, match="holds weights that are NaN or infinite"):
        load_weights(network(), tmp_path / "nan.pt")
    with pytest.raises(RequestError, match="no weights file"):
        load_weights(network(), tmp_path / "missing.pt")


def for_phantom(quantise: str) -> Segmenter:
    preparation = robustq.Preparation(dims=2, size=(32, 32), labels=LABELS)
    return small(quantise, classes=4, preparation=preparation, width=8, groups=4)


def test_with_as_many_codes_as_tokens_and_all_channels_calibration_costs_nothing() -> None:
    model = for_phantom("40x16")
    data = open_dataset("phantom:cases=4")
    # Few tokens: the codebook can hold each of them.
    found = calibrate(model, data, validation=0.3)
    assert found.explained == pytest.approx(1, abs=1e-6)
    assert found.codes_in_use > 1
    assert found.validation >= 2

    # The projections undo each other: without quantising nothing is lost.
    images = noise(1, 1, 32, 32)
    with torch.no_grad(), model.bypassed():
        plain = model(images)
    bottleneck = model.bottlenecks[-1]
    bottleneck.quantiser = robustq.wrap("unet", "identity:16", width=8, scales=2, groups=4).quantiser
    with torch.no_grad():
        torch.testing.assert_close(model(images), plain, rtol=1e-3, atol=1e-3)


def test_the_codebook_is_where_the_embeddings_are() -> None:
    model = for_phantom("16x8")
    calibrate(model, "phantom:cases=6")
    data = open_dataset("phantom:cases=6")
    case = model.spec.preparation(data.read(data.entries[0]))
    with torch.no_grad():
        parts = model.run(case.image[None])
    near = (parts.quantised - parts.embedding).square().mean()
    assert near < 0.5 * parts.embedding.square().mean()
    assert any("calibrated by k-means" in remark for remark in model.spec.remarks)


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(RequestError, match="identity:8 cannot be calibrated"):
        calibrate(for_phantom("identity:8"), "phantom:cases=4")
    with pytest.raises(RequestError, match="tokens for 100000 codes"):
        calibrate(for_phantom("100000x4"), "phantom:cases=4")


@pytest.mark.parametrize("parts", [("encoder",), ("decoder",), ("encoder", "decoder")])
def test_frozen_parts_keep_their_weights_and_the_rest_is_trained(parts: tuple[str, ...], tmp_path: Path) -> None:
    model = for_phantom("16x8")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recipe = robustq.Recipe(epochs=1, freeze=parts, augmentation=False, precision="fp32", learning_rate=1e-2)
    trained = robustq.train(model, "phantom:cases=3", tmp_path / "out.safetensors", recipe)
    moved = {name for name, value in trained.state_dict().items() if not value.equal(before[name])}
    kinds = {"encoder": "network.encoder", "decoder": ("network.decoder", "network.head"), "": "bottlenecks"}
    for part, prefix in kinds.items():
        assert any(name.startswith(prefix) for name in moved) == (part not in parts), part


class Normalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4))
        self.decoder = nn.ConvTranspose2d(4, 2, 2, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(images))


def test_the_encoder_is_what_an_image_passes_on_its_way_to_the_site() -> None:
    model = robustq.wrap(Normalised(), "8x4", at="encoder", example=noise(1, 1, 16, 16))
    frozen = freeze(model, ["encoder"], noise(1, 1, 16, 16))
    assert {type(module) for module in frozen} == {nn.Conv2d, nn.BatchNorm2d}
    assert not any(parameter.requires_grad for parameter in model.network.encoder.parameters())
    assert all(parameter.requires_grad for parameter in model.network.decoder.parameters())
    assert all(parameter.requires_grad for parameter in model.bottlenecks.parameters())
    with pytest.raises(RequestError, match="did you mean encoder"):
        freeze(model, ["encodr"], noise(1, 1, 16, 16))


def test_weights_of_a_trained_bundle_bring_along_which_cases_they_have_seen(tmp_path: Path) -> None:
    recipe = robustq.Recipe(epochs=1, augmentation=False, precision="fp32")
    first = robustq.train(for_phantom("none"), "phantom:cases=4,domain=A", tmp_path / "plain.safetensors", recipe)
    seen = first.spec.training["training_cases"]

    model = for_phantom("8x4")
    loaded = load_weights(model.network, tmp_path / "plain.safetensors")
    assert equal(first.network, model.network)
    assert set(loaded.provenance["weights_cases"]) == set(seen)
    model.spec = model.spec.but(**loaded.provenance)
    model.save(tmp_path / "again.safetensors")
    opened = robustq.load(tmp_path / "again.safetensors")
    assert opened.spec == model.spec
    assert any(f"trained on {len(seen)} cases" in line for line in opened.spec.status)

    data = "phantom:cases=4,domain=A"
    held_out = robustq.stress({"model": opened}, data, levels=[10], draws=1)
    assert len(held_out.asked["data"]["cases"]) == 4 - len(seen)
    assert not any("figures on these cases are better than" in note for note in held_out.sample_notes())
    everything = robustq.stress({"model": opened}, data, levels=[10], draws=1, split="all")
    assert any(
        note.startswith(f"The training of model used {len(seen)} of the 4 cases: figures on these cases are better")
        for note in everything.sample_notes()
    )


def test_weights_that_are_handed_on_twice_still_tell_what_they_have_seen(tmp_path: Path) -> None:
    recipe = robustq.Recipe(epochs=1, augmentation=False, precision="fp32")
    data = "phantom:cases=4,domain=A"
    first = robustq.train(for_phantom("none"), data, tmp_path / "one.safetensors", recipe)
    for before, after in (("one", "two"), ("two", "three")):
        model = for_phantom("none")
        model.spec = model.spec.but(**load_weights(model.network, tmp_path / f"{before}.safetensors").provenance)
        model.save(tmp_path / f"{after}.safetensors")
    last = robustq.load(tmp_path / "three.safetensors")
    assert equal(first.network, last.network)
    assert last.spec.seen == frozenset(first.spec.training["training_cases"])
    assert last.spec.chose == frozenset(first.spec.training["validation_cases"])
    assert "from two.safetensors" in last.spec.weights
    held_out = robustq.stress({"three": last}, data, levels=[10], draws=1)
    assert len(held_out.asked["data"]["cases"]) == 1
    assert any(
        "used 1 of the 1 case to choose, by Dice without noise, which epoch to keep" in note
        for note in held_out.sample_notes()
    )


def test_of_a_quantised_bundle_the_network_is_taken_and_the_rest_is_told(tmp_path: Path) -> None:
    small("8x4", seed=1).save(tmp_path / "vq.safetensors")
    model = small("16x4", seed=2)
    before = {name: value.clone() for name, value in model.bottlenecks.state_dict().items()}
    loaded = load_weights(model.network, tmp_path / "vq.safetensors")
    assert equal(robustq.load(tmp_path / "vq.safetensors").network, model.network)
    assert all(value.equal(before[name]) for name, value in model.bottlenecks.state_dict().items())
    assert "unused: bottlenecks.0" in loaded.text


def test_of_weights_that_say_nothing_it_is_not_known_what_they_have_seen(tmp_path: Path) -> None:
    for_phantom("none").save(tmp_path / "untrained.safetensors")
    save_file(network().state_dict(), tmp_path / "plain.safetensors")
    for name in ("untrained", "plain"):
        target = for_phantom("8x4").network if name == "untrained" else network()
        loaded = load_weights(target, tmp_path / f"{name}.safetensors")
        assert loaded.provenance["weights_cases"] is None
    spec = for_phantom("8x4").spec.but(**loaded.provenance)
    assert any("on which cases is not known" in line for line in spec.status)


def test_a_calibrated_codebook_that_is_trained_no_longer_says_that_it_is_not(tmp_path: Path) -> None:
    model = for_phantom("16x8")
    calibrate(model, "phantom:cases=4")
    assert "its codebook was calibrated by k-means, not trained" in model.spec.status
    recipe = robustq.Recipe(epochs=1, freeze=("encoder", "decoder"), augmentation=False, precision="fp32")
    trained = robustq.train(model, "phantom:cases=4", tmp_path / "tuned.safetensors", recipe)
    assert trained.spec.status == ("its codebook was calibrated by k-means, then trained",)


def test_a_network_comes_from_a_file_that_is_named_and_from_no_other(tmp_path: Path) -> None:
    (tmp_path / "helper_of_mine.py").write_text("from torch import nn\n\ndef down(): return nn.Conv2d(1, 4, 2, 2)\n")
    file = tmp_path / "factory.py"
    file.write_text(
        "from torch import nn\nimport helper_of_mine\n\n"
        "def net(): return nn.Sequential(helper_of_mine.down(), nn.ConvTranspose2d(4, 2, 2, 2))\n"
        "def five(): return 5\ndef fails(): raise KeyError('weights')\n"
    )
    built = network_from_file(f"{file}:net")
    assert built(noise(1, 1, 8, 8)).shape == (1, 2, 8, 8)
    for text, words in {
        f"{file}:nett": "has no function 'nett': it has .*net",
        f"{file}:five": "returned a value of type int",
        f"{file}:fails": "KeyError",
        f"{file}": "factory.py:function",
        f"{tmp_path / 'none.py'}:net": "no file",
    }.items():
        with pytest.raises(RequestError, match=words):
            network_from_file(text)


def test_k_means_gives_what_scikit_learn_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    import robustq.training.calibrate as module

    seen = {}
    real = module.MiniBatchKMeans

    class Watched(real):  # type: ignore[misc,valid-type]
        def fit(self, embeddings: np.ndarray) -> "Watched":
            seen["embeddings"] = embeddings
            return super().fit(embeddings)

    monkeypatch.setattr(module, "MiniBatchKMeans", Watched)
    model = for_phantom("16x8")
    calibrate(model, "phantom:cases=6")
    again = real(16, random_state=model.spec.seed, batch_size=1024, n_init=3).fit(seen["embeddings"])
    np.testing.assert_allclose(model.quantiser.codebook.detach().numpy(), again.cluster_centers_, rtol=1e-4, atol=1e-5)


def lightning(file: Path, prefix: str, **hyperparameters: object) -> None:
    """A checkpoint in the form in which Lightning's trainer writes it."""
    state = {prefix + name: value for name, value in network(1).state_dict().items()}
    document = {
        "epoch": 3,
        "global_step": 40,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": state | {"criterion.weight": torch.ones(2)},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'dice'}": {"best_model_score": torch.tensor(0.9), "dirpath": "runs"}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3}]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": hyperparameters,
    }
    torch.save(document, file)


@pytest.mark.parametrize("prefix", ["model.", "net.", "_model.", "model._orig_mod."])
def test_a_checkpoint_of_lightning_is_read(tmp_path: Path, prefix: str) -> None:
    lightning(tmp_path / "last.ckpt", prefix, lr=1e-3, widths=[8, 16], name="unet")
    fresh = network(0)
    loaded = load_weights(fresh, tmp_path / "last.ckpt")
    assert equal(fresh, network(1))
    assert (loaded.under, loaded.unused) == (("state_dict", f"prefix {prefix}"), ("criterion.weight",))


def test_hyperparameters_of_lightning_that_are_objects_are_refused_in_words(tmp_path: Path) -> None:
    lightning(tmp_path / "last.ckpt", "model.", criterion=nn.BCEWithLogitsLoss(), hook=Touch(tmp_path / "ran"))
    with pytest.raises(
        RequestError, match=r"not a checkpoint of tensors alone \(it holds \S+, as among the hyperparam"
    ):
        load_weights(network(0), tmp_path / "last.ckpt")
    assert not (tmp_path / "ran").exists()
