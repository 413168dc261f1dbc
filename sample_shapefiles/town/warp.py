"""Smooth curves, and the displacement field that bends the straight plan into an organic town."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

FloatArray = NDArray[np.float64]
Shape = TypeVar("Shape", bound=BaseGeometry)

ORIGIN_XY = (519_200.0, 3_364_700.0)
"""Town centre, metres, EPSG:4547 (about 114.2 E, 30.4 N)."""

PRECISION_M = 0.001
"""Grid on which all written coordinates lie, metres."""


def smooth_line(points: list[tuple[float, float]], step_m: float = 25.0, closed: bool = False) -> LineString:
    """Cubic spline through control points, resampled at an even step.

    Parameters
    ----------
    points
        Control points, metres.
    step_m
        Distance between the vertices of the result, metres.
    closed
        Whether the curve returns to its first point.

    Returns
    -------
    LineString
        The curve, in the space of the control points.
    """
    xy = np.asarray([*points, points[0]] if closed else points, dtype=float)
    chord = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    spline = CubicSpline(chord, xy, bc_type="periodic" if closed else "natural")
    count = max(2, round(float(chord[-1]) / step_m)) + 1
    return LineString(spline(np.linspace(0.0, chord[-1], count)))


@dataclass(frozen=True)
class Warp:
    """A smooth, invertible map from plan space to EPSG:4547.

    Attributes
    ----------
    waves
        Rows of (amplitude x, amplitude y, wave number x, wave number y, phase): metres, metres, 1/m, 1/m, radians.
    turn_rad
        Rotation of the whole plan.
    swirls
        Rows of (centre x, centre y, radius, angle): a local turn that fades out, metres and radians.
    """

    waves: FloatArray
    turn_rad: float
    swirls: FloatArray

    def shift(self, xy: FloatArray) -> FloatArray:
        """Displacement of plan points, metres, shape (n, 2)."""
        phase = xy[:, :1] * self.waves[:, 2] + xy[:, 1:] * self.waves[:, 3] + self.waves[:, 4]
        moved: FloatArray = np.sin(phase) @ self.waves[:, :2]
        for cx, cy, radius, angle in self.swirls:
            from_centre = xy - (cx, cy)
            turn = angle * np.exp(-((np.hypot(from_centre[:, 0], from_centre[:, 1]) / radius) ** 2))
            cos, sin = np.cos(turn), np.sin(turn)
            moved[:, 0] += from_centre[:, 0] * (cos - 1) - from_centre[:, 1] * sin
            moved[:, 1] += from_centre[:, 0] * sin + from_centre[:, 1] * (cos - 1)
        return moved

    def forward(self, xy: FloatArray) -> FloatArray:
        """Plan points to EPSG:4547, shape (n, 2), on the millimetre grid."""
        bent = xy + self.shift(xy)
        cos, sin = np.cos(self.turn_rad), np.sin(self.turn_rad)
        turned: FloatArray = np.round(bent @ np.array([[cos, sin], [-sin, cos]]) + ORIGIN_XY, 3)
        return turned

    def backward(self, xy: FloatArray) -> FloatArray:
        """EPSG:4547 to plan points, shape (n, 2), by fixed-point iteration."""
        cos, sin = np.cos(self.turn_rad), np.sin(self.turn_rad)
        bent: FloatArray = (xy - ORIGIN_XY) @ np.array([[cos, -sin], [sin, cos]])
        plan = bent.copy()
        for _ in range(40):
            plan = bent - self.shift(plan)
        result: FloatArray = plan
        return result

    def bend(self, geometry: Shape, step_m: float = 15.0, tolerance_m: float = 0.12) -> Shape:
        """Densify a plan geometry, map it to EPSG:4547 and drop the vertices that a draughtsman would not have set."""
        dense = shapely.segmentize(geometry, step_m)
        bent: Shape = shapely.simplify(shapely.transform(dense, self.forward), tolerance_m)
        return bent


def make_warp(rng: np.random.Generator) -> Warp:
    """Draw the displacement field: long waves bend avenues, short ones unsettle lanes, the old quarter is turned."""
    shape = [(58.0, 52.0, 1900.0), (34.0, 38.0, 1150.0), (8.0, 8.0, 560.0), (1.6, 1.6, 210.0)]
    rows = []
    for amplitude_x, amplitude_y, length_m in shape:
        heading = rng.uniform(0, np.pi)
        number = 2 * np.pi / length_m
        rows.append([amplitude_x, 0.0, number * np.cos(heading), number * np.sin(heading), rng.uniform(0, 2 * np.pi)])
        heading += rng.uniform(0.3 * np.pi, 0.7 * np.pi)
        rows.append([0.0, amplitude_y, number * np.cos(heading), number * np.sin(heading), rng.uniform(0, 2 * np.pi)])
    swirls = np.array([[-60.0, -220.0, 420.0, 0.2], [850.0, 250.0, 520.0, -0.14], [-300.0, -820.0, 480.0, -0.12]])
    return Warp(np.array(rows), float(np.deg2rad(-7.0)), swirls)
