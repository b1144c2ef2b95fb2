"""Upper bounds of how much sums, products and changes of shape lengthen a change (L2)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from robustq_guarantees.bounded import Bounded, NoRuleError, Rule, bound_of, largest, only_first, times


def _sum(input: object, other: object, *, alpha: float = 1) -> float:
    shape = torch.broadcast_shapes(*(value.shape for value in (input, other) if isinstance(value, Tensor)))
    return _spread(input, shape) + abs(alpha) * _spread(other, shape)


def _product(input: object, other: object) -> float:
    if isinstance(input, Bounded) and isinstance(other, Bounded):
        raise NoRuleError
    value, factor = (input, other) if isinstance(input, Bounded) else (other, input)
    shape = torch.broadcast_shapes(*(each.shape for each in (input, other) if isinstance(each, Tensor)))
    return _spread(value, shape) * largest(factor)


def _quotient(input: object, other: object) -> float:
    only_first(other)
    return _product(input, 1 / other)  # type: ignore[operator]  # a number or a tensor


def _together(tensors: Sequence[object], *args: object, **kwargs: object) -> float:
    return math.hypot(*(bound_of(value) for value in tensors))


def _expand(input: Tensor, *sizes: Any) -> float:
    return bound_of(input) * math.sqrt(input.as_subclass(Tensor).expand(*sizes).numel() / input.numel())


def _index(input: Tensor, index: object) -> float:
    """Slices and whole numbers take each value once at most."""
    places = index if isinstance(index, tuple) else (index,)
    if not all(place is None or isinstance(place, int | slice | type(Ellipsis)) for place in places):
        raise NoRuleError
    return bound_of(input)


def _spread(value: object, shape: Sequence[int]) -> float:
    """The bound of a value that is repeated to a shape."""
    if not isinstance(value, Bounded):
        return 0.0
    return value.bound * math.sqrt(math.prod(shape) / value.numel())


def _of_torch(*names: str) -> list[object]:
    return [getattr(torch, name) for name in names]


def _of_tensors(*names: str) -> list[object]:
    return [getattr(Tensor, name) for name in names]


_SUMS = ("add", "add_", "sub", "sub_", "__add__", "__radd__", "__iadd__", "__sub__", "__rsub__", "__isub__")
_PRODUCTS = ("mul", "mul_", "__mul__", "__rmul__", "__imul__")
_QUOTIENTS = ("div", "div_", "__truediv__", "__itruediv__")
_SHAPES = ("flatten", "permute", "transpose", "movedim", "squeeze", "unsqueeze", "split", "chunk", "unbind", "reshape")
_COPIES = ("contiguous", "to", "float", "double", "type_as", "view", "unflatten", "__neg__")

ARITHMETIC: dict[object, Rule] = {
    **dict.fromkeys(_of_torch("add", "sub") + _of_tensors(*_SUMS), _sum),
    **dict.fromkeys(_of_torch("mul") + _of_tensors(*_PRODUCTS), _product),
    **dict.fromkeys(_of_torch("div") + _of_tensors(*_QUOTIENTS), _quotient),
    **dict.fromkeys(_of_torch("cat", "concat", "stack"), _together),
    Tensor.expand: _expand,
    Tensor.__getitem__: _index,
    **dict.fromkeys(
        [function for of in (_of_torch, _of_tensors) for function in of("clone", "detach", "narrow", "neg", *_SHAPES)]
        + _of_tensors(*_COPIES),
        times(1.0),
    ),
}
"""Function -> its rule."""

QUESTIONS = frozenset(
    _of_tensors("size", "dim", "ndimension", "numel", "stride", "is_contiguous", "is_floating_point", "__len__")
)
"""Functions that tell something about a tensor that does not depend on its values."""
