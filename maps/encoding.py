"""Geometry and values as compact JSON that a page can hold.

Coordinates are whole millionths of a degree (6 decimals, about 0.1 m). A line is a flat list: the first position
counted from the page's origin, then differences, lon before lat. A polygon is a list of rings, an area a
list of polygons.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from maps.projection import latlng_bounds, to_lonlat

_SCALE = 1_000_000
_LINE_TOLERANCE_M = 0.3
_AREA_TOLERANCE_M = 0.2
"""Below one pixel at the largest zoom of the pages (0.26 m at 30° N, zoom 19)."""

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Encoder:
    """Turns geometry of one project into lists of whole numbers.

    Attributes
    ----------
    epsg
        Code of the metric CRS.
    origin
        Lon and lat, in millionths of a degree, from which first positions are counted.
    """

    epsg: int
    origin: tuple[int, int]

    @classmethod
    def around(cls, bounds: Bounds, epsg: int) -> Encoder:
        """Return an encoder whose origin is the south-west corner of some metric bounds."""
        (south, west), _ = latlng_bounds(bounds, epsg)
        return cls(epsg, (round(west * _SCALE), round(south * _SCALE)))

    def points(self, geometry: gpd.GeoSeries) -> list[int]:
        """Return points as one flat list: lon, lat from the origin for each."""
        positions = self._positions(shapely.get_coordinates(geometry.to_numpy()))
        return [int(value) for value in positions.ravel()]

    def lines(self, geometry: gpd.GeoSeries) -> list[list[int]]:
        """Return lines, each a flat list of differences."""
        return self._chains(shapely.simplify(geometry.to_numpy(), _LINE_TOLERANCE_M))

    def areas(self, geometry: gpd.GeoSeries) -> list[list[list[list[int]]]]:
        """Return multipolygons: for each its polygons, for each its rings, closing position left out."""
        simple = shapely.simplify(geometry.to_numpy(), _AREA_TOLERANCE_M)
        polygons, owner = shapely.get_parts(simple, return_index=True)
        rings, polygon = shapely.get_rings(polygons, return_index=True)
        chains = [chain[:-2] for chain in self._chains(rings)]
        by_polygon: list[list[list[int]]] = [[] for _ in range(len(polygons))]
        for chain, index in zip(chains, polygon, strict=True):
            by_polygon[index].append(chain)
        by_area: list[list[list[list[int]]]] = [[] for _ in range(len(simple))]
        for part, index in zip(by_polygon, owner, strict=True):
            by_area[index].append(part)
        return by_area

    def corner(self, x: float, y: float) -> list[int]:
        """Return one metric position, counted from the origin."""
        return [int(value) for value in self._positions(np.array([[x, y]], dtype=float))[0]]

    def _positions(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        lonlat = to_lonlat(xy, self.epsg)
        scaled: npt.NDArray[np.int64] = np.rint(lonlat * _SCALE).astype(np.int64)
        return scaled - np.array(self.origin, dtype=np.int64)

    def _chains(self, lines: Any) -> list[list[int]]:
        xy, owner = shapely.get_coordinates(lines, return_index=True)
        if len(xy) == 0:
            return [[] for _ in range(len(lines))]
        positions = self._positions(xy)
        steps = np.diff(positions, axis=0, prepend=positions[:1])
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        steps[first] = positions[first]
        counts = np.bincount(owner, minlength=len(lines))
        ends = np.cumsum(counts)
        return [steps[end - count : end].ravel().tolist() for end, count in zip(ends, counts, strict=True)]


def index_values(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Return the distinct values in order of appearance, and for each value its place among them."""
    places: dict[Any, int] = {}
    indices = [places.setdefault(value, len(places)) for value in values]
    return list(places), indices


def to_script_json(value: Any) -> str:
    """Return JSON that may stand inside a script element: no text in it can close the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
