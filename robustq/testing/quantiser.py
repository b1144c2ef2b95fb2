"""A check that a quantiser keeps its contract, for the tests of any project."""

import copy

import torch

from robustq.latent.nearest import nearest
from robustq.quantiser import AbstractQuantiser


def check_quantiser(quantiser: AbstractQuantiser) -> None:
    """Check what `AbstractQuantiser` promises, on 2D and 3D embeddings, in training and evaluation, under autocast.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(quantiser).__name__
    *numbers, last = quantiser.grammar.split("x")
    assert all(number not in ("", "...") for number in numbers) and last and (last != "..." or numbers), (  # noqa: PT018
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
    """Check shapes, types, codes and the gradient of one pass."""
    name = type(quantiser).__name__
    result = quantiser(embedding)
    assert result.quantised.shape == embedding.shape, f"{name} changes the embedding's shape"
    assert result.quantised.dtype == embedding.dtype, f"{name} changes the embedding's dtype"
    assert result.loss.shape == (), f"{name}: the loss is not a scalar"
    assert result.loss.dtype == torch.float32, f"{name}: the loss is {result.loss.dtype}, not float32"
    (gradient,) = torch.autograd.grad(result.quantised.sum(), embedding, retain_graph=True)
    assert gradient.abs().sum() > 0, f"{name}: no gradient reaches the embedding"
    vectors, capacity = quantiser.vectors, quantiser.capacity
    assert (result.codes is None) == (capacity is None), (
        f"{name}: one of codes and capacity is None, and the other is not"
    )
    assert vectors is None or capacity == tuple(vectors.shape[:2]), (
        f"{name}: capacity is {capacity}, which differs from the shape of vectors"
    )
    if result.codes is not None and capacity is not None:
        expected = (len(embedding), capacity[0], *embedding.shape[2:])
        assert result.codes.shape == expected, f"{name}: codes are {tuple(result.codes.shape)}, not {expected}"
        assert result.codes.min() >= 0, f"{name}: a code is negative"
        assert result.codes.max() < capacity[1], f"{name}: a code is larger than K - 1"
    assert quantiser.search_space(embedding).shape[0] == len(embedding), (
        f"{name}: search_space changes the number of images"
    )


@torch.no_grad()
def _check_evaluation(quantiser: AbstractQuantiser, embedding: torch.Tensor) -> None:
    """Check that in evaluation mode the result is always the same, also under autocast and with reloaded weights."""
    name = type(quantiser).__name__
    weights = {key: tensor.clone() for key, tensor in quantiser.state_dict().items()}
    random_state = torch.get_rng_state()
    result = quantiser(embedding)
    assert torch.get_rng_state().equal(random_state), f"{name} draws random numbers in evaluation mode"
    weights_after = quantiser.state_dict()
    assert weights.keys() == weights_after.keys(), f"{name} renames its weights"
    assert all(tensor.equal(weights_after[key]) for key, tensor in weights.items()), (
        f"{name} changes its state in evaluation"
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = quantiser(embedding)
    copied = copy.deepcopy(quantiser)
    for tensor in copied.state_dict().values():
        tensor.zero_()
    copied.load_state_dict(weights)
    for how, repeated in (
        ("again", quantiser(embedding)),
        ("under autocast", under_autocast),
        ("reloaded", copied(embedding)),
    ):
        assert repeated.quantised.equal(result.quantised), f"{name} {how} gives another z_q"
        assert repeated.loss.equal(result.loss), f"{name} {how} gives another loss"
        assert result.codes is None or result.codes.equal(repeated.codes), f"{name} {how} gives other codes"
    vectors = quantiser.vectors
    if vectors is not None and result.codes is not None:
        searched = quantiser.search_space(embedding).movedim(1, -1).flatten(0, -2)
        expected = nearest(searched, vectors[0].to(searched.dtype))
        assert result.codes[:, 0].flatten().equal(expected), f"{name}: a code is not that of the nearest vector"
