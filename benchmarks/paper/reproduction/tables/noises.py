"""Tables 4, 5 and 6: Dice under noise."""

import pandas as pd

from reproduction.line import Line, Value, interval, our_value, paper_value
from reproduction.ours import Ours
from reproduction.published_figures import UNET, VQ, number_of, printed
from reproduction.table import Maker, Table
from robustq.report.numbers import number
from robustq.results.architecture_claims import architecture_claims

LEVELS = (0, 1, 10, 20, 30)

DIFFERENCE = f"{VQ} minus {UNET}"

_DATA = ("NIH", "Abdomen", "BMC")


def under_noise(title: str, noise: str) -> Maker:
    """The table of one noise.

    Args:
        title: title of the table.
        noise: name of the perturbation.
    """

    def table(ours: Ours) -> Table:
        lines: list[Line] = []
        for data in _DATA:
            means = ours.means(data)
            dice = means[(means["metric"] == "dice") & (means["perturbation"] == noise)]
            for role in ours.roles:
                for level in LEVELS:
                    paper = paper_value(
                        _printed(noise, data, role, level), _printed(noise, data, role, level, "dice_sd")
                    )
                    figure = our_value(dice[dice["level"] == level], ours.networks(role))
                    lines.append(Line(ours.section(data), role, f"{level} %", paper, figure, level))
            lines += _differences(ours, data, noise)
        notes = [
            "The paper: mean ± a spread, of which it does not say over what. Ours: the mean over patients, then mean ± "
            "standard deviation over training seeds, with the interval of a mean over seeds and patients. It is a t "
            "interval, so with few seeds that differ it can leave the values from 0 to 1.",
            f"{DIFFERENCE}: at level 0, and in the drop from level 0 to the highest level, where a negative difference "
            f"means that {VQ} loses less. Interval and verdict are those of robustq compare --by architecture with "
            f"{UNET} as its baseline. The paper prints the means alone, from which its differences are taken.",
        ]
        return Table(title, "level", lines, _DATA, notes)

    return table


def _printed(noise: str, data: str, role: str, level: int, column: str = "dice_mean") -> str:
    return printed("table4_5_6_noise", column, noise=noise, dataset=data, model=role, level_percent=level)


def _differences(ours: Ours, data: str, noise: str) -> list[Line]:
    """The difference of the two models at level 0, and in the drop."""
    starts, ends = (
        number_of(_printed(noise, data, VQ, level)) - number_of(_printed(noise, data, UNET, level)) for level in (0, 30)
    )
    measured = _claims(ours, data, noise)
    lines = []
    for measure, what, value in (("clean", "level 0", starts), ("drop", "drop", starts - ends)):
        figure, verdict = measured.get(measure, (Value(), ""))
        paper = Value(number(value, 2), value)
        lines.append(Line(ours.section(data), DIFFERENCE, what, paper, figure, verdict=verdict))
    return lines


def _claims(ours: Ours, data: str, noise: str) -> dict[str, tuple[Value, str]]:
    """For each measure, our difference and its verdict."""
    runs = ours.runs(data)
    if not runs:
        return {}
    claims: pd.DataFrame = architecture_claims(runs, UNET, "dice", ours.architectures)
    claims = claims[(claims["architecture"] == VQ) & (claims["perturbation"] == noise)]
    figures = {}
    for claim in claims.to_dict("records"):
        difference, low, high = (float(claim[name]) for name in ("difference", "low", "high"))
        sample = (str(claim["seeds"]), str(claim["groups"]))
        figure = Value(number(difference), difference, low, high, interval(low, high), sample)
        figures[str(claim["measure"])] = (figure, str(claim["verdict"]))
    return figures
