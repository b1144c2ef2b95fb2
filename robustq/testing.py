"""The contracts as checks that strangers' tests can run; ours run them over every registered name.

def test_my_quantiser_keeps_the_contract():
    check_quantiser(MyQuantiser(8, 4))
"""

import copy
from collections.abc import Callable

import torch
from torch import nn

from robustq.answer import full_resolution
from robustq.bottleneck import features_at
from robustq.dataset import AbstractDataset
from robustq.errors import RequestError
from robustq.nearest import nearest
from robustq.plain import run_plain
from robustq.probe import accepted_images
from robustq.quantiser import AbstractQuantiser
from robustq.testing_analyser import check_analyser as check_analyser
from robustq.testing_attack import check_attack as check_attack
from robustq.testing_metric import check_metric as check_metric
from robustq.testing_perturbation import check_perturbation as check_perturbation


def check_quantiser(quantiser: AbstractQuantiser) -> None:
    """Check what `AbstractQuantiser` promises, on 2D and 3D embeddings, in training and evaluation, under autocast.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(quantiser).__name__
    *numbers, last = quantiser.grammar.split("x")
    assert all(part not in ("", "...") for part in numbers) and last and (last != "..." or numbers), (  # noqa: PT018
        f"{name}.grammar is {quantiser.grammar!r}, which is not a list of numbers such as KxD or Lx..."
    )
    for size in ((5, 4), (3, 4, 2)):
        generator = torch.Generator().manual_seed(0)
        embedding = torch.randn(2, quantiser.dimension, *size, generator=generator).requires_grad_()
        for training in (True, False):
            _check_pass(quantiser.train(training), embedding)
        half = copy.deepcopy(quantiser)(embedding.detach().half())
        assert half.quantised.dtype == torch.float16, f"{name} gives {half.quantised.dtype} for float16"
        _check_evaluation(quantiser.eval(), embedding.detach())


def _check_pass(quantiser: AbstractQuantiser, embedding: torch.Tensor) -> None:
    """Shapes, types, codes and the gradient of one pass."""
    name = type(quantiser).__name__
    result = quantiser(embedding)
    assert result.quantised.shape == embedding.shape, f"{name} changes the embedding's shape"
    assert result.quantised.dtype == embedding.dtype, f"{name} changes the embedding's dtype"
    assert result.loss.shape == (), f"{name}: the loss is not a scalar"
    assert result.loss.dtype == torch.float32, f"{name}: the loss is {result.loss.dtype}"
    (gradient,) = torch.autograd.grad(result.quantised.sum(), embedding, retain_graph=True)
    assert gradient.abs().sum() > 0, f"{name}: no gradient reaches the embedding"
    vectors, capacity = quantiser.vectors, quantiser.capacity
    assert (result.codes is None) == (capacity is None), f"{name}: codes and capacity do not go together"
    assert vectors is None or capacity == tuple(vectors.shape[:2]), (
        f"{name}: capacity is {capacity}, and not that of vectors"
    )
    if result.codes is not None and capacity is not None:
        expected = (len(embedding), capacity[0], *embedding.shape[2:])
        assert result.codes.shape == expected, f"{name}: codes are {tuple(result.codes.shape)}, not {expected}"
        assert result.codes.min() >= 0, f"{name}: a code is negative"
        assert result.codes.max() < capacity[1], f"{name}: a code is beyond the codebook"
    assert quantiser.search_space(embedding).shape[0] == len(embedding), f"{name}: another batch in the search space"


@torch.no_grad()
def _check_evaluation(quantiser: AbstractQuantiser, embedding: torch.Tensor) -> None:
    """In evaluation mode the same comes out again, also under autocast, from a copy, and from saved weights."""
    name = type(quantiser).__name__
    weights = {key: tensor.clone() for key, tensor in quantiser.state_dict().items()}
    random = torch.get_rng_state()
    result = quantiser(embedding)
    assert torch.get_rng_state().equal(random), f"{name} draws random numbers in evaluation mode"
    after = quantiser.state_dict()
    assert weights.keys() == after.keys(), f"{name} renames its weights"
    assert all(tensor.equal(after[key]) for key, tensor in weights.items()), f"{name} changes its state in evaluation"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = quantiser(embedding)
    copied = copy.deepcopy(quantiser)
    for tensor in copied.state_dict().values():
        tensor.zero_()
    copied.load_state_dict(weights)
    for how, again in (("again", quantiser(embedding)), ("under autocast", under), ("reloaded", copied(embedding))):
        assert again.quantised.equal(result.quantised), f"{name} {how} gives another z_q"
        assert again.loss.equal(result.loss), f"{name} {how} gives another loss"
        assert result.codes is None or result.codes.equal(again.codes), f"{name} {how} gives other codes"
    vectors = quantiser.vectors
    if vectors is not None and result.codes is not None:
        searched = quantiser.search_space(embedding).movedim(1, -1).flatten(0, -2)
        expected = nearest(searched, vectors[0].to(searched.dtype))
        assert result.codes[:, 0].flatten().equal(expected), f"{name}: a code is not the nearest of its vectors"


def check_architecture(factory: Callable[..., nn.Module]) -> None:
    """Check what `Architecture` promises, in the dimensions it does not refuse, for one and several classes.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = getattr(factory, "__name__", repr(factory))
    accepted = 0
    for dims in (2, 3):
        for classes, channels in ((1, 1), (4, 3)):
            try:
                network = factory(in_channels=channels, classes=classes, dims=dims).eval()
            except RequestError:
                continue
            accepted += 1
            site = getattr(network, "site", getattr(factory, "site", None))
            images = next(accepted_images(network, in_channels=channels, dims=dims))
            logits = full_resolution(run_plain(network, images), images.shape[2:])
            expected = (1, classes, *images.shape[2:])
            assert logits.shape == expected, f"{name} gives {tuple(logits.shape)} where {expected} was expected"
            if site is not None:
                bottleneck = features_at(network, site, images)[-1]
                assert bottleneck.ndim == dims + 2, f"{name}: the site gives {tuple(bottleneck.shape)}"
    assert accepted, f"{name} refuses both 2 and 3 dimensions"


def check_dataset(dataset: AbstractDataset) -> None:
    """Check what `AbstractDataset` promises, on its first and its last case.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(dataset).__name__
    ids = [entry.id for entry in dataset.entries]
    assert ids, f"{name} has no case"
    assert ids == sorted(set(ids)), f"{name}: ids are not sorted and unique"
    assert len({dataset.fingerprint(entry) for entry in dataset.entries}) == len(ids), f"{name}: fingerprints repeat"
    for entry in (dataset.entries[0], dataset.entries[-1]):
        case, again = dataset.read(entry), dataset.read(entry)
        assert case.image.equal(again.image), f"{name}: reading {entry.id} twice gives different images"
        if case.mask is None or again.mask is None:
            assert case.mask is again.mask, f"{name}: reading {entry.id} twice gives a mask once"
        else:
            assert case.mask.equal(again.mask), f"{name}: reading {entry.id} twice gives different masks"
            assert case.mask.shape == case.image.shape[1:], f"{name}: image and mask of {entry.id} differ in shape"
        assert case.image.is_floating_point(), f"{name}: the image of {entry.id} is {case.image.dtype}"
        assert case.intensity_range.shape == (len(case.image), 2), f"{name}: no range for each channel of {entry.id}"
        assert len(case.spacing) == case.dims, f"{name}: no spacing for each axis of {entry.id}"
        assert case.entry == entry, f"{name}: the case says that it is {case.entry}, not {entry}"
