"""Score a segmenter on clean cases, and count the codes that it uses for them."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import Entry
from robustq.latent.code_nats import code_nats
from robustq.latent.latents import latent
from robustq.model.device import Precision
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.network.run_network import evaluation_mode
from robustq.quantiser import usage
from robustq.scoring.mean_dice import mean_dice
from robustq.training.processes import ALONE, Processes


@torch.no_grad()
def validate(
    model: Segmenter,
    cases: PreparedCases,
    entries: Sequence[Entry],
    *,
    batch_size: int,
    precision: Precision = "fp32",
    processes: Processes = ALONE,
) -> tuple[float, Tensor | None]:
    """Mean Dice over groups (docs/definitions.md, Segmentation metrics), and how often each code was chosen.

    Args:
        model: the segmenter; it is scored in evaluation mode. Afterwards each module has its earlier mode again.
        cases: prepared cases.
        entries: the cases to score.
        batch_size: number of images, or of slices, in a forward pass.
        precision: precision of the forward passes.
        processes: the processes that share the cases; each gets the answer for all of them.

    Returns:
        The mean Dice, NaN where no case shows a label; and the counts (Q, K), None without codes.
    """
    quantiser = model.quantiser
    capacity = None if quantiser is None else quantiser.capacity
    counts = None if capacity is None else torch.zeros(capacity, dtype=torch.long)
    own_scores: list[tuple[int, float]] = []
    with evaluation_mode(model):
        for number in range(processes.rank, len(entries), processes.count):
            case = cases(entries[number])
            answers = predict(model, case.image[None], batch_size=batch_size, axis=case.slice_axis, precision=precision)
            for masks, codes, *_ in answers:
                own_scores.append((number, mean_dice(masks[0].cpu(), case)))
                if counts is not None and codes is not None:
                    counts += usage(codes.cpu(), counts.shape[1])
    scores: dict[str, list[float]] = {}
    for number, score in sorted(processes.of_all(own_scores), key=lambda scored: scored[0]):
        if not math.isnan(score):
            scores.setdefault(entries[number].group, []).append(score)
    if counts is not None:
        counts = torch.stack(processes.of_all([counts])).sum(0)
    return float(np.mean([np.mean(group) for group in scores.values()])) if scores else math.nan, counts


def validation_nats(
    model: Segmenter, cases: PreparedCases, entries: Sequence[Entry], *, batch_size: int, processes: Processes = ALONE
) -> float | None:
    """Nats a token of the codes of clean cases under the model's prior, the mean over cases; None without a prior.

    Args:
        model: the segmenter, which is used in evaluation mode; afterwards each module has its earlier mode again.
        cases: prepared cases.
        entries: the cases.
        batch_size: number of images, of slices or of windows in a pass.
        processes: the processes that share the cases; each gets the answer for all of them.
    """
    if model.prior is None:
        return None
    own_means = []
    with evaluation_mode(model):
        for entry in entries[processes.rank :: processes.count]:
            case = cases(entry)
            case_latent = latent(model, case.image[None], batch_size=batch_size, axis=case.slice_axis)
            own_means.append(code_nats(model.prior, case_latent, model.spec.dims, batch_size=batch_size).mean())
    return float(torch.stack(processes.of_all([mean.cpu() for mean in own_means])).mean())
