"""Where robustness comes from: networks that differ from the UNet, or from VQ, in one thing."""

import pandas as pd

from kept.losses import domain_means
from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd
from robustq.results.study import Study

HIGHEST = 30.0


def clean_and_lost(study: Study) -> tuple[pd.Series, pd.DataFrame]:
    """Dice at level 0, and the Dice lost at the highest level under each noise, by network and training seed."""
    seeds = domain_means(study.runs, "dice").groupby(["network", "training", "perturbation", "level"]).mean()
    clean = seeds.xs(0.0, level="level")
    lost = (clean - seeds.xs(HIGHEST, level="level")).unstack("perturbation")
    networks = dict.fromkeys(name for step in study.steps if step.kind == "stress" for name in step.models.values())
    return clean.groupby(["network", "training"]).mean().reindex(networks, level="network"), lost


def ablations_grid(study: Study, where: str) -> Grid:
    """For each network its clean Dice, what it loses under each noise, and the codes it uses, over training seeds."""
    clean, lost = clean_and_lost(study)
    codes = _codes_in_use(study)
    lines = []
    for network in clean.index.unique("network"):
        under = lost.loc[network]
        losses = [_cell(under[noise]) for noise in under]
        lines.append([network, _cell(clean[network]), *losses, _cell(under.mean(axis=1)), codes.get(network, "–")])
    header = ["network", "Dice at 0 %", *(f"lost, {noise}" for noise in lost), "lost, mean", "codes in use"]
    title = f"Clean Dice, and Dice lost at {HIGHEST:.0f} %: mean ± sd over training seeds, {where}"
    return Grid(title, header, [("", lines)], [])


def _cell(seeds: pd.Series) -> str:
    return mean_sd(seeds.mean(), seeds.std())


def _codes_in_use(study: Study) -> dict[str, str]:
    """The fewest and the most codes that the trainings of each network use."""
    counts: dict[str, list[int]] = {}
    for analysis in study.analyses:
        frame = analysis.to_frame()
        for model, used in frame[frame["metric"] == "codes_in_use"].groupby("model")["value"].first().items():
            counts.setdefault(str(model).rsplit(" seed", 1)[0], []).append(int(used))
    return {network: f"{min(used)} to {max(used)}" for network, used in counts.items()}
