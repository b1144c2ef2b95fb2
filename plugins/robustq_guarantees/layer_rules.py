"""Upper bounds of how much the layers of networks lengthen a change (L2), by the function that each layer calls."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from robustq_guarantees.bounded import NoRuleError, Rule, bound_of, each, largest, only_first, times
from robustq_guarantees.operator_norms import convolution_norm, matrix_norm


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> float:
    only_first(weight, bias)
    axes = weight.ndim - 2
    return bound_of(input) * convolution_norm(
        weight, stride=each(stride, axes), dilation=each(dilation, axes), groups=groups
    )


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> float:
    only_first(weight, bias)
    return bound_of(input) * matrix_norm(weight)


def _normalisation(input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> float:
    """γ(x - mean) / √(variance + eps): its Jacobian is largest where the variance is 0."""
    only_first(weight, bias)
    return bound_of(input) * largest(weight) / math.sqrt(eps)


def _group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> float:
    return _normalisation(input, weight, bias, eps)


def _layer_norm(
    input: Tensor, normalized_shape: object, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> float:
    return _normalisation(input, weight, bias, eps)


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> float:
    if not use_input_stats:
        return _batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    return _normalisation(input, weight, bias, eps)


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> float:
    only_first(weight, bias)
    if training or running_var is None:
        return _normalisation(input, weight, bias, eps)
    scales = torch.ones_like(running_var) if weight is None else weight.abs()
    return bound_of(input) * float((scales / (running_var + eps).sqrt()).max())


def _leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> float:
    return bound_of(input) * max(1.0, abs(negative_slope))


def _elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> float:
    return bound_of(input) * max(1.0, abs(alpha))


def _prelu(input: Tensor, weight: Tensor) -> float:
    only_first(weight)
    return bound_of(input) * max(1.0, largest(weight))


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> float:
    if training and p > 0:
        raise NoRuleError
    return bound_of(input)


def _max_pool(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> float:
    """Each output takes one value of its window, and a value is in so many windows."""
    axes = input.ndim - 2
    if return_indices or set(each(dilation, axes)) != {1}:
        raise NoRuleError
    return bound_of(input) * math.sqrt(_windows(kernel_size, stride, axes))


def _average_pool(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> float:
    """√(‖W‖₁‖W‖∞): an output is a mean of n values, and a value is in so many means."""
    axes = input.ndim - 2
    if ceil_mode or not count_include_pad or divisor_override is not None:
        raise NoRuleError
    return bound_of(input) * math.sqrt(_windows(kernel_size, stride, axes) / math.prod(each(kernel_size, axes)))


def _pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> float:
    """A constant adds nothing; `replicate` copies a value at the border once for each further place."""
    if mode == "constant":
        return bound_of(input)
    if mode != "replicate":
        raise NoRuleError
    copies = 1
    for place, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True), start=1):
        alone = input.shape[-place] == 1
        copies *= 1 + (before + after if alone else max(before, after))
    return bound_of(input) * math.sqrt(copies)


def _windows(kernel_size: int | Sequence[int], stride: int | Sequence[int] | None, axes: int) -> int:
    """In how many windows of a pool a value is, at most."""
    extents = each(kernel_size, axes)
    steps = each(stride, axes) if stride else extents
    return math.prod(-(-extent // step) for extent, step in zip(extents, steps, strict=True))


_SAME = times(1.0)

LAYERS: dict[object, Rule] = {
    **dict.fromkeys([F.conv1d, F.conv2d, F.conv3d], _convolution),
    F.linear: _linear,
    F.group_norm: _group_norm,
    F.layer_norm: _layer_norm,
    F.instance_norm: _instance_norm,
    F.batch_norm: _batch_norm,
    **dict.fromkeys([F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6, F.hardtanh], _SAME),
    **dict.fromkeys([torch.tanh, Tensor.tanh, F.tanh, F.softplus], _SAME),
    **dict.fromkeys([torch.sigmoid, Tensor.sigmoid, F.sigmoid], times(0.25)),
    F.silu: times(1.0998394),  # the largest slopes, rounded up in the last figure
    F.mish: times(1.0884982),
    F.gelu: times(1.1289931),  # of the form with tanh; that with erf has 1.1289042
    F.hardswish: times(1.5),
    F.leaky_relu: _leaky_relu,
    F.elu: _elu,
    **dict.fromkeys([F.prelu, torch.prelu], _prelu),
    **dict.fromkeys([F.dropout, F.dropout2d, F.dropout3d], _dropout),
    **dict.fromkeys([torch.max_pool1d, torch.max_pool2d, torch.max_pool3d, F.max_pool2d, F.max_pool3d], _max_pool),
    **dict.fromkeys([F.avg_pool2d, F.avg_pool3d], _average_pool),
    F.pad: _pad,
}
"""Function -> its rule."""
