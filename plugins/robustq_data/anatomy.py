"""Draws the phantom's chest: shapes that are given by inequalities, on any grid of points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LABELS = {1: "left lung", 2: "right lung", 3: "heart"}

Points = tuple[Float[np.ndarray, "*s"], ...]


@dataclass(frozen=True)
class Anatomy:
    """The shape of one patient, with lengths in units of half the field of view.

    x points to the patient's left, y to the back, z to the head. A slice has z = 0 everywhere.

    Attributes:
        torso: half axes of the body.
        lungs: centre and half axes of the left lung, then of the right lung.
        heart: centre, half axes and tilt in radians.
        spine: depth of the centre, and radius.
        shift: shift of the whole patient along x and y.
        turn: rotation of the whole patient about z, in radians.
        bend: amplitude and phase of the smooth distortion.
    """

    torso: tuple[float, float, float]
    lungs: tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...]
    heart: tuple[tuple[float, float, float], tuple[float, float, float], float]
    spine: tuple[float, float]
    shift: tuple[float, float]
    turn: float
    bend: tuple[float, float]

    def tissues(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> dict[str, Float[np.ndarray, "*s"]]:
        """For each structure, how deep every point lies inside it: positive inside, about 1 at the centre."""
        x, y = x - self.shift[0], y - self.shift[1]
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        x, y = cos * x + sin * y, cos * y - sin * x
        amplitude, phase = self.bend
        x = x + amplitude * np.sin(3.1 * y + phase)
        y = y + amplitude * np.sin(2.7 * x + 1.7 * z - phase)
        body = _ellipsoid((x, y, z), (0, 0, 0), self.torso, power=2.4)
        fat = _ellipsoid((x, y, z), (0, 0, 0), tuple(0.93 * axis for axis in self.torso), power=2.4)
        left, right = (_ellipsoid((x, y, z), centre, axes, power=2.3) for centre, axes in self.lungs)
        centre, axes, tilt = self.heart
        hx, hy = x - centre[0], y - centre[1]
        hx, hy = np.cos(tilt) * hx + np.sin(tilt) * hy, np.cos(tilt) * hy - np.sin(tilt) * hx
        heart = _ellipsoid((hx, hy, z - centre[2]), (0, 0, 0), axes, power=2.0)
        depth, radius = self.spine
        spine = 1 - np.hypot(x / radius, (y - depth) / radius)
        # The lungs leave room for heart and spine, and stay within the ribcage.
        room = np.minimum(-heart, -spine) - 0.02
        cage = _ellipsoid((x, y, z), (0, 0, 0), tuple(0.86 * axis for axis in self.torso), power=2.4)
        lungs = [np.minimum.reduce([lung, room, cage]) for lung in (left, right)]
        bone = np.maximum(spine, _ribs(x, y, z, self.torso))
        return {
            "body": body,
            "muscle": fat,
            "left lung": lungs[0],
            "right lung": lungs[1],
            "heart": heart,
            "bone": bone,
        }


def _ellipsoid(
    points: Sequence[np.ndarray], centre: Sequence[float], axes: Sequence[float], *, power: float
) -> np.ndarray:
    """A field that is 1 at the centre of a superellipsoid, 0 on its surface and negative outside."""
    distance = sum(np.abs((p - c) / a) ** power for p, c, a in zip(points, centre, axes, strict=True))
    result: np.ndarray = 1 - distance ** (1 / power)
    return result


def _ribs(x: np.ndarray, y: np.ndarray, z: np.ndarray, torso: Sequence[float]) -> np.ndarray:
    """A field that is positive in the ribs: arcs along the wall of the chest, which are spots in a slice."""
    rim = np.abs(np.hypot(x / torso[0], y / torso[1]) - 0.9) / 0.035
    around = np.abs(np.sin(6 * np.arctan2(y, x) + 9 * z)) / 0.35
    result: np.ndarray = 1 - np.maximum(rim, around)
    return result


def draw_anatomy(generator: np.random.Generator) -> Anatomy:
    """Draw a random patient."""

    def about(value: float, spread: float) -> float:
        return float(value * (1 + spread * generator.uniform(-1, 1)))

    width, depth = about(0.84, 0.08), about(0.62, 0.1)
    lungs = tuple(
        (
            (side * about(0.4, 0.08), about(-0.02, 2.0), about(0.05, 1.0)),
            (about(0.27 if side > 0 else 0.3, 0.12), about(0.42, 0.12), about(0.72, 0.1)),
        )
        for side in (1.0, -1.0)
    )
    heart = (
        (about(0.1, 0.5), about(-0.14, 0.4), about(-0.12, 0.5)),
        (about(0.25, 0.15), about(0.19, 0.15), about(0.34, 0.12)),
        float(generator.uniform(0.2, 0.8)),
    )
    return Anatomy(
        torso=(width, depth, 1.6),
        lungs=lungs,
        heart=heart,
        spine=(about(0.36, 0.08), about(0.11, 0.12)),
        shift=(float(generator.uniform(-0.06, 0.06)), float(generator.uniform(-0.06, 0.06))),
        turn=float(generator.uniform(-0.12, 0.12)),
        bend=(float(generator.uniform(0.01, 0.05)), float(generator.uniform(0, 6.28))),
    )
