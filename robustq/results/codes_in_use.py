"""Counts the codes of a codebook that a run uses."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from robustq.model.spec import Spec
from robustq.quantiser import perplexity


@dataclass(frozen=True)
class CodesInUse:
    """How much of a codebook the clean cases use.

    Attributes:
        used: number of codes chosen at least once, over all stages; None without a codebook.
        size: number of codes, over all stages.
        perplexity: exp(entropy of the usage), the mean over stages.
    """

    used: int | None
    size: int = 0
    perplexity: float = float("nan")

    @property
    def text(self) -> str:
        """`8 of 1024`, or – without a codebook."""
        return "–" if self.used is None else f"{self.used} of {self.size}"


def codes_in_use(spec: Spec, usage: pd.DataFrame) -> CodesInUse:
    """How much of its codebook a model used, from its rows of the metric `code_usage`."""
    with torch.random.fork_rng():  # building draws a random codebook, and a table must not advance the generator
        quantiser = spec.quantise.build()
    capacity = None if quantiser is None else quantiser.capacity
    if capacity is None:
        return CodesInUse(None)
    counts = torch.zeros(capacity, dtype=torch.long)
    totals = usage.groupby("label")["value"].sum()
    for label, count in zip(totals.index, totals.to_numpy(np.int64), strict=True):
        stage, _, code = str(label).rpartition(":")
        counts[int(stage or 0), int(code)] = int(count)
    return CodesInUse(int((counts > 0).sum()), counts.numel(), float(perplexity(counts).mean()))
