"""Figure 2: the variance of single elements of the latents under Gaussian noise."""

from functools import partial

from matplotlib.figure import Figure

from reproduction.line import Line, Value
from reproduction.ours import Ours
from reproduction.table import Pictures, Table
from reproduction.tables.variances import NOTES, READINGS, values_of
from robustq import registry

LEVELS = (1, 10, 20, 30)


def heat_map(ours: Ours) -> tuple[Table, Pictures]:
    """The heat maps of the first training seed on NIH, and the readings behind them over all seeds."""
    value = values_of(ours, "NIH")
    lines = [
        Line(
            ours.section("NIH"),
            role,
            f"{level} %, {reading}",
            Value("a picture"),
            value(reading, role, "gaussian", level),
        )
        for role in ours.roles
        for level in LEVELS
        for reading in READINGS
    ]
    table = Table("Figure 2: latent variance under Gaussian noise", "level and reading", lines, ("NIH",), NOTES)
    return table, partial(_pictures, ours)


def _pictures(ours: Ours) -> dict[str, Figure]:
    """The heat map of the models of the tables."""
    analyses = ours.analyses("NIH")
    if not analyses:
        return {}
    networks = {network: role for network, role in ours.architectures.items() if network in analyses[0].models}
    rows = analyses[0].to_frame()
    rows = rows[rows["model"].isin(list(networks)) & (rows["perturbation"] == "gaussian")]
    analyser = registry.load("analysers", "latent-variance")
    figures = analyser.figures(rows.assign(model=rows["model"].map(networks)), list(networks.values()))
    name = "latent-variance-gaussian"
    return {"figure-2": figures[name]} if name in figures else {}
