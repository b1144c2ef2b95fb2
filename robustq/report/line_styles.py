"""Colours, line styles and markers that readers tell apart, with any kind of colour vision and in grey."""

from collections.abc import Mapping
from typing import Any

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette without yellow, which is hardly seen on white."""

DASHES = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (6, 2, 1, 2)), (0, (10, 3)), (0, (3, 1, 1, 1, 1, 1)))

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")

BAND: Mapping[str, Any] = {"alpha": 0.15, "linewidth": 0}
"""How a band is filled, in the colour of its line."""


def line_style(place: int) -> Mapping[str, Any]:
    """Settings of the line of the model at this place; no two of the first 66 have line style and marker in common."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": DASHES[place % len(DASHES)],
        "marker": MARKERS[place % len(MARKERS)],
    }


def transfer_style(place: int, source: int) -> Mapping[str, Any]:
    """Settings of the line of a model under an attack on another one: the line is the model's, the marker the other's.

    Args:
        place: place of the model that is shown the attack.
        source: place of the model that the attack was made for.
    """
    return {
        **line_style(place),
        "marker": MARKERS[source % len(MARKERS)],
        "markerfacecolor": "white",
        "linewidth": 0.8,
    }
