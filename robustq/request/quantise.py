"""The text of `--quantise`: which quantiser, how large, with which settings."""

import inspect
import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from robustq import registry
from robustq.errors import RequestError

if TYPE_CHECKING:  # what the words alone show to be wrong is answered before torch is imported
    from robustq.quantiser import AbstractQuantiser

ACCEPTED = "KxD such as 1024x256, NAME:NUMBERS such as fsq:8x5x5x5 or identity:256, or none"

MOST = 2**31
"""Numbers that a quantiser's sizes may multiply to: 8 GiB of float32."""

Setting = int | float | str


@dataclass(frozen=True)
class Quantise:
    """A quantiser as written: `1024x256`, `vq:1024x256,loss=norm`, `identity:256` or `none`.

    Attributes:
        name: a registered quantiser, or "none".
        numbers: the sizes after the colon, each 1 or more.
        settings: keyword settings of the quantiser.
    """

    name: str
    numbers: tuple[int, ...] = ()
    settings: tuple[tuple[str, Setting], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Quantise":
        """Read the text.

        Raises:
            RequestError: it does not follow the grammar, or the quantiser does not exist.
        """
        if text.strip().lower() == "none":
            return cls("none")
        head, *options = (part.strip() for part in text.split(","))
        if head in registry.names("quantisers"):
            raise RequestError(f"--quantise {text!r} gives no size: write {head}:NUMBERS, such as {head}:256")
        name, colon, numbers = head.rpartition(":")
        if re.fullmatch(r"[A-Za-z][\w-]*(:[A-Za-z][\w-]*)?", head):  # vqp:residual without numbers is a name too
            raise unknown_quantiser(head)
        name = registry.canonical("quantisers", name) if colon else "vq"
        if not re.fullmatch(r"\d+(x\d+)*", numbers) or (name == "vq" and numbers.count("x") != 1):
            raise RequestError(f"--quantise {text!r} is not a quantiser: write {ACCEPTED}")
        sizes = tuple(int(number) for number in numbers.split("x"))
        if 0 in sizes:
            raise RequestError(f"--quantise {text!r} has a size of 0: every number must be 1 or more")
        return cls(name, sizes, tuple(_setting(option, text) for option in options))

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        if self.name == "none":
            return "none"
        settings = "".join(f",{key}={value}" for key, value in self.settings)
        return f"{self.name}:{'x'.join(str(number) for number in self.numbers)}{settings}"

    def build(self) -> "AbstractQuantiser | None":
        """A fresh quantiser, or None for "none".

        Raises:
            RequestError: the quantiser takes other numbers or settings.
        """
        if self.name == "none":
            return None
        factory: type[AbstractQuantiser] = registry.load("quantisers", self.name)
        if not accepts(factory.grammar, len(self.numbers)):
            raise RequestError(
                f"--quantise {self} has {len(self.numbers)} numbers: {self.name} takes {factory.grammar}"
            )
        if prod(self.numbers) > MOST:
            raise RequestError(
                f"--quantise {self} asks for {prod(self.numbers):,} numbers: that does not fit any memory, take fewer "
                "codes or channels"
            )
        if registry.mismatch(factory, *self.numbers, **dict(self.settings)):
            parameters = inspect.signature(factory).parameters
            known = [name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY]
            raise RequestError(
                f"--quantise {self} has a setting that {self.name} does not take: it takes {', '.join(known) or 'none'}"
            )
        try:
            return factory(*self.numbers, **dict(self.settings))
        except TypeError as error:
            raise RequestError(f"--quantise {self} has a setting of the wrong kind: {error}") from error


def accepts(grammar: str, count: int) -> bool:
    """Whether a quantiser of that grammar takes so many numbers.

    "KxD" takes two. A grammar that ends in "x..." takes any more of its last number: "Lx..." one or more.
    """
    named = grammar.removesuffix("x...").count("x") + 1
    return count >= named if grammar.endswith("x...") else count == named


def unknown_quantiser(name: str) -> RequestError:
    """The refusal of a quantiser nobody knows."""
    try:
        registry.canonical("quantisers", name)
    except RequestError as error:
        return error
    raise AssertionError(f"{name} is registered")


def _setting(option: str, text: str) -> tuple[str, Setting]:
    key, equals, value = option.partition("=")
    if not equals or not key or not value:
        raise RequestError(f"--quantise {text!r} has {option!r} where a setting such as loss=norm was expected")
    for number in (int, float):
        try:
            return key, number(value)
        except ValueError:
            continue
    return key, value
