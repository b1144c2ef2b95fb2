"""Curves with bands in one panel, and the words that say what their bands are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from robustq.report.line_styles import BAND
from robustq.report.numbers import count, span

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


def draw_curve(panel: "Axes", curve: pd.DataFrame, columns: tuple[str, str, str], style: Mapping[str, Any]) -> None:
    """Draw a line and its band; where an end of the band is missing or infinite, there is none.

    Args:
        panel: where to draw.
        curve: one row for each level, in their order, with a column `level`.
        columns: the columns of the line and of the lower and the upper end of its band.
        style: settings of the line; with a `label` for the legend.
    """
    level, line, low, high = (curve[name].to_numpy(float) for name in ("level", *columns))
    panel.plot(level, np.where(np.isfinite(line), line, np.nan), markersize=4, **style)
    inside = np.isfinite(low) & np.isfinite(high)
    panel.fill_between(level, low, high, where=inside, color=style["color"], **BAND)


def band_handle(label: str) -> "Artist":
    """An entry of a legend that says what the bands are."""
    from matplotlib.patches import Patch

    return Patch(color="0.75", label=label)


def over_patients(groups: pd.Series) -> str:
    """`over 28 patients`, `over 26 to 28 patients`: the number of groups behind each point of some curves."""
    numbers = sorted({int(number) for number in groups})
    if not numbers:
        return "over no patient"
    return f"over {count(1, 'patient') if numbers == [1] else f'{span(numbers)} patients'}"
