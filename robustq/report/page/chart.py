"""A line chart as the numbers that an SVG template needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from robustq.report.numbers import number, percent, with_interval
from robustq.report.page.levels import Levels

WIDTH, HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 10, 34
NEAREST = 26
"""Smallest distance between two numbers on the horizontal axis."""


@dataclass(frozen=True)
class Point:
    """A mean at a level: its place in the chart, its figures unrounded, and what is said of it."""

    x: float
    y: float
    level: float
    mean: float
    low: float
    high: float
    short: str
    text: str


@dataclass(frozen=True)
class Line:
    """The curve of a model: its number among the models, its points, and the outline of its band."""

    model: str
    number: int
    points: Sequence[Point]
    band: str

    @property
    def path(self) -> str:
        """The line through the points."""
        return " ".join(f"{point.x:.1f},{point.y:.1f}" for point in self.points)


@dataclass(frozen=True)
class Chart:
    """One panel: a metric against level under one perturbation in one domain, a line for each model.

    Attributes:
        measure: the metric.
        perturbation: name of the perturbation.
        domain: name of the domain.
        label: the label, "" for the mean over the labels.
        scale: numbers on the vertical axis, the same in all panels of a metric.
    """

    measure: Levels
    perturbation: str
    domain: str
    label: str
    scale: Sequence[float]

    @property
    def title(self) -> str:
        """The perturbation, the domain and the label."""
        return ", ".join(filter(None, (self.perturbation, self.measure.domains[self.domain], self.label)))

    @cached_property
    def lines(self) -> Sequence[Line]:
        """One line for each model that was shown the perturbation."""
        lines = []
        for place, model in enumerate(self.measure.models):
            curve = self.measure.curve(model, self.perturbation, self.domain, self.label)
            points = [self._point(model, row) for row in curve.to_dict("records") if math.isfinite(row["mean"])]
            if points:
                lines.append(Line(model, place, points, self._band(points)))
        return lines

    @property
    def text(self) -> str:
        """The chart in words, for those who do not see it."""
        ends = [
            f"{line.model}: {number(line.points[0].mean, self.measure.digits)} at {percent(line.points[0].level)}, "
            f"{number(line.points[-1].mean, self.measure.digits)} at {percent(line.points[-1].level)}"
            for line in self.lines
        ]
        return f"{self.measure.name} against level, {self.title}. {'; '.join(ends)}."

    @property
    def ticks_across(self) -> Sequence[tuple[float, str]]:
        """Places and numbers of the levels; a number that would touch the one before it is left out."""
        ticks: list[tuple[float, str]] = []
        for level in self.measure.levels:
            place = self._x(level)
            if not ticks or place - ticks[-1][0] >= NEAREST:
                ticks.append((place, f"{level:g}"))
        return ticks

    @property
    def ticks_up(self) -> Sequence[tuple[float, str]]:
        """Places and numbers on the vertical axis."""
        return [(self._y(value), f"{value:g}") for value in self.scale]

    def _x(self, level: float) -> float:
        highest = self.measure.levels[-1] or 1
        return LEFT + (WIDTH - LEFT - RIGHT) * level / highest

    def _y(self, value: float) -> float:
        low, high = self.scale[0], self.scale[-1]
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - min(max(value, low), high)) / (high - low)

    def _point(self, model: str, row: Mapping[Any, Any]) -> Point:
        mean, low, high = (float(row[name]) for name in ("mean", "low", "high"))
        digits = self.measure.digits
        text = f"{model}, {percent(row['level'])}: {with_interval(number(mean, digits), low, high, digits)}"
        return Point(
            self._x(row["level"]), self._y(mean), float(row["level"]), mean, low, high, number(mean, digits), text
        )

    def _band(self, points: Sequence[Point]) -> str:
        """The outline of the intervals; "" where a point has none."""
        if any(math.isnan(point.low) for point in points):
            return ""
        edge = [(point.x, self._y(point.high)) for point in points]
        edge += [(point.x, self._y(point.low)) for point in reversed(points)]
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in edge)


def _round_numbers(measure: Levels) -> Sequence[float]:
    """Round numbers that span all curves of a metric, so that panels can be compared."""
    rows = measure.rows
    values = np.concatenate([rows[name].to_numpy(float) for name in ("mean", "low", "high")])
    values = values[np.isfinite(values)]
    if not len(values):
        return [0.0, 1.0]
    low, high = (float(values.min()), 1.0) if measure.is_share else (0.0, float(values.max()) or 1.0)
    if measure.is_share:
        low = max(0.0, math.floor(10 * low) / 10)
    raw = max(high - low, 1e-9) / 4
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.floor(low / step + 1e-9) * step
    return [float(value) for value in np.round(np.arange(first, high + step * 0.999, step), 10)]


def charts(measure: Levels) -> list[Chart]:
    """All panels of a metric: by label, perturbation and domain; those without a line are left out."""
    scale = _round_numbers(measure)
    panels = [
        Chart(measure, perturbation, domain, label, scale)
        for label in measure.labels
        for perturbation in measure.perturbations
        for domain in measure.domains
    ]
    return [panel for panel in panels if panel.lines]
