"""Table 3: the variance of the latents under noise."""

from collections.abc import Callable

from reproduction.line import Line, Value, our_value, paper_value
from reproduction.ours import Ours
from reproduction.published_figures import printed
from reproduction.table import Table
from robustq.report.numbers import significant
from robustq.statistics.group_means import group_means

READINGS = ("min-max", "relative", "flip_rate")

NOTES = (
    "min-max: as the paper's code computes it, the variance over draws of latents that are scaled to [0, 1]. Such a "
    "variance is at most 0.25. The paper prints 0.43 to 0.56 for the UNet, so its figures are of another kind.",
    "relative: the variance over draws, divided by that of the unperturbed latents over positions and images. Compare "
    "networks by it, because the other one depends on the size of a network's latents. flip rate: the share of tokens "
    "whose code changes.",
)

_DATA = ("Abdomen", "NIH", "BMC")


def variances(ours: Ours) -> Table:
    """The mean over the levels above 0, for each noise."""
    lines = []
    for data in _DATA:
        figures = values_of(ours, data)
        for noise in ("gaussian", "salt-and-pepper", "poisson"):
            for role in ours.roles:
                text = printed("table3_latent_variance", "latent_variance", dataset=data, noise=noise, model=role)
                papers = {"min-max": paper_value(text)}
                for reading in READINGS[:2]:
                    what = f"{noise}, {reading}"
                    figure = figures(reading, role, noise, None)
                    lines.append(Line(ours.section(data), role, what, papers.get(reading, Value()), figure))
    title = "Table 3: latent variance, mean over the levels above 0"
    return Table(title, "noise and reading", lines, _DATA, NOTES, logarithmic=True)


def values_of(ours: Ours, data: str) -> Callable[[str, str, str, float | None], Value]:
    """A function from reading, model, noise and level to our figure; without a level, the mean over those above 0."""
    rows = ours.analysed(data)
    rows = rows[rows["metric"].isin(READINGS) & (rows["level"] > 0)]
    means = rows if rows.empty else group_means(rows)

    def figure(reading: str, role: str, noise: str, level: float | None) -> Value:
        of_noise = means[(means["metric"] == reading) & (means["perturbation"] == noise)]
        chosen = of_noise if level is None else of_noise[of_noise["level"] == level]
        return our_value(chosen, ours.networks(role), significant)

    return figure
