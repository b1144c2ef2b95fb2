"""Table 1: the radius of the codebooks."""

from reproduction.line import Line, Value, paper_value, with_spread
from reproduction.ours import Ours
from reproduction.published_figures import VQ, printed
from reproduction.table import Table
from robustq.report.numbers import significant
from robustq.statistics.group_means import describe

_DATA = ("NIH", "JSRT", "Abdomen", "BMC", "RUNMC")


def radii(ours: Ours) -> Table:
    """r of equation 3, with the spread of the radii of the codes."""
    lines = []
    for data in _DATA:
        mean, spread = (printed("table1_codebook_radius", column, dataset=data) for column in ("r_mean", "r_sd"))
        lines.append(Line(ours.section(data), VQ, "r", paper_value(mean, spread), _ours(ours, data)))
    notes = [
        "The paper: r by equation 3 ± standard deviation of the r_i over codes. Ours: the same, each the mean over "
        "training seeds. A radius is not measured on patients, so the smallest and the largest r of the seeds stand in "
        "place of an interval.",
        "A radius has the unit of its own network's embedding: compare it with the shifts in that network, not with "
        "another radius.",
    ]
    return Table("Table 1: mean radius of the codes", "figure", lines, _DATA, notes, logarithmic=True)


def _ours(ours: Ours, data: str) -> Value:
    rows = ours.analysed(data)
    rows = rows[rows["model"].isin(ours.networks(VQ)) & (rows["label"] == "")]
    of_seeds, spreads = (rows.loc[rows["metric"] == metric, "value"].to_numpy(float) for metric in ("r", "r_i_sd"))
    if not of_seeds.size:
        return Value()
    mean, low, high = float(of_seeds.mean()), float(of_seeds.min()), float(of_seeds.max())
    text = with_spread(significant(mean), significant(describe(spreads).mean))
    return Value(text, mean, low, high, f"{significant(low)} to {significant(high)}", (str(of_seeds.size), "–"))
