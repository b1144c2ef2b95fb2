"""An upper bound of the Lipschitz constant of an encoder, from bounds of its layers.

The encoder runs once, on tensors that carry their bound along; so the bound follows what the network's own code does,
with its residuals, lists and loops.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import resolve_name

from robustq.model.segmenter import Segmenter
from robustq_guarantees.arithmetic_rules import ARITHMETIC, QUESTIONS
from robustq_guarantees.bounded import Bounded, NoRuleError
from robustq_guarantees.layer_rules import LAYERS

RULES = {**LAYERS, **ARITHMETIC}
"""For each function of PyTorch that has one, the rule of its bound."""


@dataclass(frozen=True)
class EncoderBound:
    """An upper bound of the Lipschitz constant, in L2 norms, from prepared images to all tokens together.

    Attributes:
        value: the bound; None where there is none.
        reason: the layer that has no bound; "" where every layer has one.
    """

    value: float | None
    reason: str = ""


class _Followed(Bounded):
    """A tensor whose bound follows every function that it is given to.

    Attributes:
        is_part: whether it shares its memory with another tensor.
    """

    is_part: bool

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            rule = RULES.get(function)
            name = resolve_name(function) or getattr(function, "__name__", str(function))
            if rule is None:
                result = function(*args, **kwargs)
                if _is_question(function, result):
                    return result
                raise NoRuleError(name)
            try:
                bound = rule(*args, **kwargs)
            except (NoRuleError, TypeError) as error:
                raise NoRuleError(name) from error
            return _following(function(*args, **kwargs), bound)


def encoder_bound(model: Segmenter, extents: Sequence[int]) -> EncoderBound:
    """The bound of a model's encoder, with its input projection, up to the space where the quantiser searches.

    Args:
        model: a segmenter in evaluation mode.
        extents: spatial extents of the image, slice or window that the encoder sees. They matter where images are
            padded.
    """
    channels = 1 if model.spec.preparation.grey_to_rgb else model.spec.preparation.channels
    image = _following(torch.zeros(1, channels, *extents, device=model.device), 1.0)
    running: list[str] = []
    try:
        with torch.no_grad(), _names_kept(model, running):
            embedding = model.encode(image)
            running.append("the quantiser's search space")
            if model.quantiser is not None:
                embedding = model.quantiser.search_space(embedding)
    except NoRuleError as error:
        return EncoderBound(None, f"{running[-1] if running else 'the input'} ({error})")
    assert isinstance(embedding, Bounded), "every function with a rule keeps the bound"
    return EncoderBound(embedding.bound)


def _following(result: Any, bound: float) -> Any:
    """The result of a function, whose tensors have a bound."""
    if isinstance(result, tuple | list):
        return type(result)(_following(value, bound) for value in result)
    if not isinstance(result, _Followed):
        is_part = result._is_view()
        result = result.as_subclass(_Followed)
        result.is_part = is_part
    elif bound > result.bound and result.is_part:  # changed in place, and so is what it is a part of
        raise NoRuleError("a change in place of a part of a tensor")
    result.bound = bound
    return result


def _is_question(function: Callable[..., Any], result: Any) -> bool:
    """Whether a function tells something that does not depend on values, such as a shape or a dtype."""
    if isinstance(result, Tensor):
        return False
    return function in QUESTIONS or getattr(function, "__name__", "") == "__get__"


@contextmanager
def _names_kept(model: nn.Module, running: list[str]) -> Iterator[None]:
    """Keep the names of the modules that are running, the innermost last; after an error they stay."""
    handles = []

    def ended(*_: object) -> None:
        running.pop()

    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) or not name:  # TorchScript takes no hook
            continue

        def begun(*_: object, name: str = name.removeprefix("network.")) -> None:
            running.append(name)

        handles += [module.register_forward_pre_hook(begun), module.register_forward_hook(ended)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
