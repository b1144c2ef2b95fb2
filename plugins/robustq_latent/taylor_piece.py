"""Counts shifts, criteria and flips of one piece: one case under one perturbation at one level."""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.analyser import Finding
from robustq.geometry import margins, nearest_codes

TOKENS = 8
"""Number of tokens of each piece's first draw that are stored one by one, for the figure."""

CRITERIA = ("r", "r_k", "margin")
"""Names of the bounds with which a predicted shift is compared."""


class TaylorPiece:
    """Counts the tokens of one case under one perturbation at one level, over all draws.

    Args:
        tokens: tokens of the clean case.
        vectors: vectors of the codebook; None without a codebook.
        every_radius: radius r_k of each vector; None without vectors.
    """

    def __init__(
        self,
        tokens: Float[Tensor, "p d"],
        vectors: Float[Tensor, "k d"] | None,
        every_radius: Float[Tensor, " k"] | None,
    ) -> None:
        self._clean = tokens
        self._vectors = vectors
        self._count = self._draws = 0
        self._predicted = self._true = 0.0
        self._errors: list[float | None] = []
        self._flips = 0
        self._outcomes: dict[str, int] = {}
        self._sample: list[Finding] = []
        self._bounds: dict[str, Float[Tensor, " p"]] = {}
        if vectors is not None and every_radius is not None and len(tokens):
            self._codes = nearest_codes(tokens, vectors)
            count = len(vectors)
            r = float(every_radius.sum()) / (count - 1) if count > 1 else torch.inf
            self._bounds = {
                "r": torch.full_like(every_radius[self._codes], r),
                "r_k": every_radius[self._codes],
                "margin": margins(tokens, vectors),
            }

    @classmethod
    def empty(cls) -> "TaylorPiece":
        """A piece without tokens, for the time before the first piece begins."""
        return cls(torch.zeros(0, 1), None, None)

    def add(self, moved: Float[Tensor, "n p d"], predicted: Float[Tensor, "n p d"]) -> None:
        """Count some draws, given the tokens of the perturbed images and the predicted change J·δ of each token."""
        change = moved.double() - self._clean.double()
        true, expected = change.norm(dim=2), predicted.double().norm(dim=2)  # (N, P)
        if not self._draws:
            self._sample = list(self._tokens(true[0], expected[0]))
        self._draws += len(moved)
        self._count += true.numel()
        self._predicted += float(expected.sum())
        self._true += float(true.sum())
        misses = (change - predicted.double()).flatten(1).norm(dim=1)
        for miss, length in zip(misses.tolist(), change.flatten(1).norm(dim=1).tolist(), strict=True):
            self._errors.append(miss / length if length > 0 else None)
        if self._vectors is None:
            return
        flipped = nearest_codes(moved.flatten(0, 1), self._vectors).view(true.shape) != self._codes
        self._flips += int(flipped.sum())
        for name, bound in self._bounds.items():
            self._judge(name, expected < bound, flipped)
            # A token whose true shift is below its margin cannot flip. A token whose true shift is only below r_k can
            # (docs/definitions.md, Taylor bound).
            self._add(f"within:{name}", true < bound)
            self._add(f"within_flipped:{name}", (true < bound) & flipped)

    def _judge(self, name: str, safe: Bool[Tensor, "n p"], flipped: Bool[Tensor, "n p"]) -> None:
        self._add(f"safe:{name}", safe)
        self._add(f"safe_flipped:{name}", safe & flipped)
        self._add(f"unsafe:{name}", ~safe)
        self._add(f"unsafe_stayed:{name}", ~safe & ~flipped)

    def _add(self, name: str, which: Bool[Tensor, "n p"]) -> None:
        self._outcomes[name] = self._outcomes.get(name, 0) + int(which.sum())

    def _tokens(self, true: Float[Tensor, " p"], expected: Float[Tensor, " p"]) -> Iterator[Finding]:
        """Some tokens of the first draw, evenly spaced."""
        for token in range(0, len(true), max(1, len(true) // TOKENS)):
            label = str(token)
            yield Finding("token_predicted_shift", float(expected[token]), label=label, draw=0)
            yield Finding("token_true_shift", float(true[token]), label=label, draw=0)
            if self._bounds:
                yield Finding("token_margin", float(self._bounds["margin"][token]), label=label, draw=0)

    def findings(self) -> Iterator[Finding]:
        """Shares, counts and errors over all draws, and the sampled tokens."""
        yield Finding("predicted_shift", self._predicted / self._count)
        yield Finding("true_shift", self._true / self._count)
        for draw, error in enumerate(self._errors):
            reason = "no shift" if error is None else ""
            yield Finding("linearisation_error", error, draw=draw, reason=reason)
        if self._bounds:
            margin = self._bounds["margin"]
            finite = margin[margin.isfinite()]
            yield Finding("finite_margin", float(finite.mean()) if len(finite) else None)
            yield Finding("token_flip_rate", self._flips / self._count)
            for name in CRITERIA:
                yield Finding(f"safe_by_{name}", self._outcomes[f"safe:{name}"] / self._count)
            for name, count in self._outcomes.items():
                yield Finding(name, float(count))
        yield from self._sample
