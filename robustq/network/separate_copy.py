"""Copies a network, so that the copy can be used without changing the network."""

import copy
from collections.abc import Iterator
from types import CellType, FunctionType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from robustq.errors import RequestError

Network = TypeVar("Network", bound=nn.Module)


def separate_copy(network: Network, copies: dict[Any, Any], *, share: bool = False) -> Network:
    """A copy of a network that shares no tensor with it. The gradients of its weights are not copied.

    A function that the network keeps, such as a hook, may hold the network or one of its attributes. The function of
    the copy holds the copied object instead.

    Args:
        network: a network, which does not change.
        share: whether an object of the network that cannot be copied, such as a lock or an open file, serves the copy
            too. Tensors and modules are never shared.
        copies: id of an object -> its copy, for all objects copied so far; empty at first. Two networks that share
            weights and are copied with the same `copies` get copies that share weights. A network that is copied twice
            gets one copy.

    Raises:
        RequestError: the network cannot be copied.
    """
    # PyTorch refuses to copy a tensor with a graph. Some networks keep such tensors after a pass, as weight_norm does.
    for module in network.modules():
        for tensor in _tensors(vars(module)):
            if not tensor.is_leaf:
                copies.setdefault(id(tensor), tensor.detach().clone())
    before = dict(copies)
    try:
        copied = copy.deepcopy(network, copies)
    except Exception as error:  # an object of the network may raise any error when it is copied
        way_out = "" if share else "; robustq.wrap(network, copy=False) needs no copy"
        refusal = RequestError(
            f"the network cannot be copied, and robustq does not change it in place ({error}{_at_fault(network)}): "
            f"remove from the network what cannot be copied, or let its class define __deepcopy__{way_out}"
        )
        if not share:
            raise refusal from error
        copies.clear()  # half of the copies may be unfinished
        copies.update(before)
        copies.update({id(value): value for module in network.modules() for value in _uncopyable(_own(module), set())})
        try:
            copied = copy.deepcopy(network, copies)
        except Exception as again:
            raise refusal from again
    for module in copied.modules():
        _rebind(vars(module), copies)
        for name, buffer in module._buffers.items():
            if buffer is not None and _is_expanded(buffer):
                module._buffers[name] = buffer.contiguous()
    return copied


def _is_expanded(tensor: Tensor) -> bool:
    """Whether several elements of a tensor share memory; no values can be loaded into such a tensor."""
    return not is_lazy(tensor) and tensor.layout == torch.strided and 0 in tensor.stride()


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors in a value, and in its lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from (tensor for entry in value.values() for tensor in _tensors(entry))
    elif isinstance(value, list | tuple):
        yield from (tensor for entry in value for tensor in _tensors(entry))


def _at_fault(network: nn.Module) -> str:
    """Which attribute cannot be copied, in words; "" where no single one is found."""
    for name, module in network.named_modules():
        for attribute, value in _own(module).items():
            if not _is_copyable(value):
                return f", attribute {attribute!r} of its module {name!r}" if name else f", its attribute {attribute!r}"
    return ""


def _own(module: nn.Module) -> dict[str, object]:
    """The attributes of a module but its parameters, submodules and hooks."""
    return {
        name: value
        for name, value in vars(module).items()
        if not (name.startswith("_") and isinstance(value, dict)) and not isinstance(value, nn.Module)
    }


def _is_copyable(value: object) -> bool:
    try:
        copy.deepcopy(value)
    except Exception:
        return False
    return True


def _uncopyable(value: object, seen: set[int]) -> Iterator[object]:
    """The objects in a value that cannot be copied although all that they hold can."""
    if id(value) in seen or isinstance(value, Tensor | nn.Module) or _is_copyable(value):
        return
    seen.add(id(value))
    if isinstance(value, dict):
        held: list[object] = list(value.values())
    elif isinstance(value, list | tuple | set):
        held = list(value)
    else:
        held = list(getattr(value, "__dict__", {}).values())
    inner = [part for entry in held for part in _uncopyable(entry, seen)]
    yield from inner or [value]


def _rebind(values: dict[Any, Any], copies: dict[Any, Any]) -> None:
    """Replace the functions in a dictionary, and in its dictionaries, that hold an object of which there is a copy."""
    for key, value in values.items():
        if isinstance(value, dict):
            _rebind(value, copies)
        elif isinstance(value, FunctionType):
            values[key] = _holding_copies(value, copies)


def _holding_copies(function: FunctionType, copies: dict[Any, Any]) -> FunctionType:
    """The function with the copies of the objects that it holds; the function itself where none of them was copied."""
    closed_over = [_content(cell) for cell in function.__closure__ or ()]
    defaults = list(function.__defaults__ or ())
    keyword_defaults = function.__kwdefaults__ or {}
    held = [*closed_over, *defaults, *keyword_defaults.values()]
    if not any(id(value) in copies for value in held):
        return function
    replaced = iter([copies.get(id(value), value) for value in held])
    cells = tuple(CellType(next(replaced)) for _ in closed_over)
    copied = FunctionType(
        function.__code__, function.__globals__, function.__name__, tuple(next(replaced) for _ in defaults), cells
    )
    copied.__kwdefaults__ = {name: next(replaced) for name in keyword_defaults}
    copied.__dict__.update(function.__dict__)
    return copied


def _content(cell: CellType) -> object:
    """What a closure's cell holds; None for a cell that is still empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None
