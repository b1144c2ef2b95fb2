"""Sentences on architectures of which several networks were trained: is a difference larger than that of the seeds?"""

import math
from collections.abc import Mapping, Sequence

from robustq.report.numbers import count, listed, number, percent
from robustq.report.page.levels import Levels
from robustq.statistics.by_architecture import FEWEST_SEEDS


def seed_sentences(measure: Levels, networks: Mapping[str, Sequence[str]]) -> list[str]:
    """Which networks form an architecture; then for each perturbation and domain, what those of each architecture lose,
    the one that loses least first.

    Args:
        measure: the metric.
        networks: for each architecture, the names of its networks, each trained with another seed.
    """
    sentences = []
    for perturbation in measure.perturbations:
        for domain, title in measure.domains.items():
            drops = {name: _drops(measure, models, perturbation, domain) for name, models in networks.items()}
            if drops and all(drops.values()):
                where = measure.where(perturbation, title)
                sentences.append(f"{where}, over training seeds: {_compared(drops, measure)}")
    return [_families(networks), *sentences] if sentences else []


def _families(networks: Mapping[str, Sequence[str]]) -> str:
    told = "; ".join(f"{name} is {listed(models)}" for name, models in networks.items())
    return f"Networks of one architecture (network and quantiser) that differ in their training seed: {told}."


def _drops(measure: Levels, models: Sequence[str], perturbation: str, domain: str) -> list[float]:
    """What each network loses from level 0 to the highest level; empty where one has no finite loss."""
    curves = [measure.curve(model, perturbation, domain) for model in models]
    drops = [float(curve["drop"].iloc[-1]) if len(curve) > 1 else math.nan for curve in curves]
    return drops if all(map(math.isfinite, drops)) else []


def _compared(drops: Mapping[str, Sequence[float]], measure: Levels) -> str:
    ordered = sorted(drops, key=lambda name: sum(drops[name]) / len(drops[name]))
    spreads = "; ".join(f"{name} {_spread(drops[name], measure.digits)}" for name in ordered)
    first, others = ordered[0], ordered[1:]
    unit = f" {measure.unit}" if measure.unit else ""
    loss = f"lost {measure.title}" if measure.higher_is_better else f"rise of {measure.title}{unit}"
    beyond = [name for name in others if max(drops[first]) < min(drops[name])]
    overlapping = [name for name in others if name not in beyond]
    parts = [f"{loss} up to {percent(measure.levels[-1])}, mean (smallest to largest): {spreads}."]
    if beyond:
        parts.append(f"Every seed of {first} loses less than every seed of {' and of '.join(beyond)}.")
    if overlapping:
        parts.append(f"The ranges of {first} and of {' and of '.join(overlapping)} overlap: open.")
    if min(map(len, drops.values())) < FEWEST_SEEDS:
        parts.append(f"A claim about architectures needs {FEWEST_SEEDS} seeds or more of each.")
    return " ".join(parts)


def _spread(drops: Sequence[float], digits: int) -> str:
    mean, low, high = sum(drops) / len(drops), min(drops), max(drops)
    return f"{number(mean, digits)} ({number(low, digits)} to {number(high, digits)}, {count(len(drops), 'seed')})"
