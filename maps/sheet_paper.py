"""Paper of a route sheet: which ground fits on it at which scale, and where labels find room."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

MAP_WIDTH_MM = 186.0
_MARGIN_MM = 9.0
_MIN_GROUND_M = 250.0
_BAR_MM = (22.0, 52.0)


@dataclass(frozen=True)
class Paper:
    """A map window on paper, and the ground under it.

    Attributes
    ----------
    width_mm, height_mm
        Of the window.
    left_m, top_m
        Metric place of its upper left corner.
    mm_per_m
        Scale.
    """

    width_mm: float
    height_mm: float
    left_m: float
    top_m: float
    mm_per_m: float

    @classmethod
    def around(cls, bounds: tuple[float, float, float, float], height_mm: float) -> Paper:
        """Return the window of a given height that shows some metric bounds as large as possible."""
        minx, miny, maxx, maxy = bounds
        wide, tall = max(maxx - minx, _MIN_GROUND_M), max(maxy - miny, _MIN_GROUND_M)
        scale = min((MAP_WIDTH_MM - 2 * _MARGIN_MM) / wide, (height_mm - 2 * _MARGIN_MM) / tall)
        left, top = (minx + maxx) / 2 - MAP_WIDTH_MM / scale / 2, (miny + maxy) / 2 + height_mm / scale / 2
        return cls(MAP_WIDTH_MM, height_mm, left, top, scale)

    @property
    def ground(self) -> tuple[float, float, float, float]:
        """Metric bounds of the window: minx, miny, maxx, maxy."""
        return (
            self.left_m,
            self.top_m - self.height_mm / self.mm_per_m,
            self.left_m + self.width_mm / self.mm_per_m,
            self.top_m,
        )

    @property
    def ratio(self) -> int:
        """Denominator of the scale when printed at full size, to two figures."""
        exact = 1000 / self.mm_per_m
        step = 10.0 ** (math.floor(math.log10(exact)) - 1)
        return round(round(exact / step) * step)

    def to_mm(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return metric places on the paper, millimetres from the upper left corner, shape (n, 2)."""
        return np.column_stack((xy[:, 0] - self.left_m, self.top_m - xy[:, 1])) * self.mm_per_m

    def scale_bar(self) -> tuple[float, float]:
        """Return a round length in metres for a scale bar, and how long it is on paper."""
        for power in range(6):
            for digit in (1, 2, 5):
                length_m = digit * 10.0**power
                if _BAR_MM[0] <= length_m * self.mm_per_m <= _BAR_MM[1]:
                    return length_m, length_m * self.mm_per_m
        return 1.0, self.mm_per_m


@dataclass
class Room:
    """Where on the paper a label still finds room; the first one that asks gets it.

    Attributes
    ----------
    paper
        The window.
    """

    paper: Paper
    _taken: list[shapely.Geometry] = field(default_factory=list)

    def take(self, shape: shapely.Geometry, *, always: bool = False) -> bool:
        """Return whether a shape, in millimetres, lies inside the window and clear of all before; then it is taken."""
        inside = shapely.box(1, 1, self.paper.width_mm - 1, self.paper.height_mm - 1).contains(shape)
        free = inside and not any(shape.intersects(other) for other in self._taken)
        if free or always:
            self._taken.append(shape)
        return free

    def take_spot(self, x: float, y: float, radius: float, *, reach: float = 0.0) -> tuple[float, float] | None:
        """Return where a round label finds room at a place or around it; None when it does not."""
        spots = [(x, y)]
        if reach:
            spots += [(x + reach * math.cos(turn), y + reach * math.sin(turn)) for turn in np.arange(8) * math.pi / 4]
        return next((spot for spot in spots if self.take(shapely.Point(*spot).buffer(radius))), None)


def path_of(places: NDArray[np.float64]) -> str:
    """Return places in millimetres as the path of an SVG line."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in places.tolist())


def tilted_box(x: float, y: float, width: float, height: float, angle_deg: float) -> shapely.Polygon:
    """Return a box around a centre, turned clockwise as SVG turns."""
    turn = math.radians(angle_deg)
    corners = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    return shapely.Polygon(corners @ rotation + (x, y))


def beside(places: NDArray[np.float64], by_mm: float) -> NDArray[np.float64]:
    """Return a line moved to the right of its direction, seen on paper; the line itself where that fails."""
    # on paper y grows downwards, so the right-hand side is the left one of the offset
    moved = shapely.offset_curve(shapely.LineString(places), by_mm, join_style="mitre", mitre_limit=2)
    if moved.geom_type != "LineString" or moved.is_empty:
        return places
    return np.asarray(shapely.get_coordinates(moved), dtype=np.float64)


def arrows(places: NDArray[np.float64], every_mm: float) -> list[tuple[float, float, float]]:
    """Return places and directions, degrees clockwise from east, of arrows along a line."""
    line = shapely.LineString(places)
    count = max(round(line.length / every_mm), 1) if line.length > 4 else 0
    found = []
    for number in range(count):
        at = line.length * (number + 0.5) / count
        x, y = line.interpolate(at).coords[0]
        ax, ay = line.interpolate(max(at - 0.8, 0)).coords[0]
        bx, by = line.interpolate(at + 0.8).coords[0]
        found.append((x, y, math.degrees(math.atan2(by - ay, bx - ax))))
    return found
