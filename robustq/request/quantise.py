"""Reads the text of `--quantise`: which quantiser, of which size, with which settings."""

import inspect
import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from robustq import registry
from robustq.errors import RequestError

if TYPE_CHECKING:  # a wrong text is reported before torch is imported
    from robustq.quantiser import AbstractQuantiser

ACCEPTED = "KxD such as 1024x256, NAME:NUMBERS such as fsq:8x5x5x5 or identity:256, or none"

MOST = 2**31
"""Largest product of a quantiser's sizes: this many float32 numbers take 8 GiB."""

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
            RequestError: the text does not follow the grammar, or the quantiser does not exist.
        """
        if not isinstance(text, str):
            raise RequestError(f"quantise={text!r} is not a text: write {ACCEPTED}")
        if text.strip().lower() == "none":
            return cls("none")
        head, *options = (item.strip() for item in text.split(","))
        if head in registry.names("quantisers"):
            raise RequestError(f"--quantise {text!r} gives no size: write {head}:NUMBERS, such as {head}:256")
        name, colon, numbers = head.rpartition(":")
        if re.fullmatch(r"[A-Za-z][\w-]*(:[A-Za-z][\w-]*)?", head):  # vqp:residual is a name without numbers
            raise unknown_quantiser(head)
        name = registry.canonical("quantisers", name) if colon else "vq"
        if not re.fullmatch(r"\d+(x\d+)*", numbers) or (name == "vq" and numbers.count("x") != 1):
            raise RequestError(f"--quantise {text!r} is not a quantiser: write {ACCEPTED}")
        sizes = tuple(int(number) for number in numbers.split("x"))
        if 0 in sizes:
            raise RequestError(f"--quantise {text!r} has a size of 0: give numbers of 1 or more")
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
            RequestError: the quantiser does not take these numbers or settings.
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
                f"--quantise {self} asks for {prod(self.numbers):,} numbers, more than any memory holds: take fewer "
                "codes or channels"
            )
        if registry.mismatch(factory, *self.numbers, **dict(self.settings)):
            parameters = inspect.signature(factory).parameters
            accepted = [name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]
            raise RequestError(
                f"--quantise {self} has a setting that {self.name} does not take: it takes "
                f"{', '.join(accepted) or 'none'}"
            )
        try:
            return factory(*self.numbers, **dict(self.settings))
        except TypeError as error:
            raise RequestError(f"--quantise {self} has a setting of the wrong kind: {error}") from error


def accepts(grammar: str, count: int) -> bool:
    """Whether a quantiser with this grammar takes this count of numbers.

    "KxD" takes two numbers. In a grammar that ends in "x...", the last number may be repeated: "Lx..." takes one number
    or more.
    """
    named = grammar.removesuffix("x...").count("x") + 1
    return count >= named if grammar.endswith("x...") else count == named


def unknown_quantiser(name: str) -> RequestError:
    """The error for a quantiser that does not exist."""
    try:
        registry.canonical("quantisers", name)
    except RequestError as error:
        return error
    raise AssertionError(f"{name} is registered")


def _setting(option: str, text: str) -> tuple[str, Setting]:
    key, equals, value = option.partition("=")
    if not equals or not key or not value:
        raise RequestError(
            f"--quantise {text!r} has {option!r}, which is not a setting: write NAME=VALUE, such as loss=norm"
        )
    for number in (int, float):
        try:
            return key, number(value)
        except ValueError:
            continue
    return key, value
