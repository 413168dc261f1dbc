"""From the project's metric CRS to degrees: the only place that knows both, and Leaflet's order lat, lng."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from geo.model.crs import WGS84_EPSG

Degrees = npt.NDArray[np.float64]


@cache
def _transformer(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, WGS84_EPSG, always_xy=True)


def to_lonlat(xy: npt.NDArray[np.float64], epsg: int) -> Degrees:
    """Return metric coordinates as degrees.

    Parameters
    ----------
    xy
        Metres, shape (n, 2), east first.
    epsg
        Code of the metric CRS.

    Returns
    -------
    ndarray
        Degrees, shape (n, 2), lon first.
    """
    if len(xy) == 0:
        return np.empty((0, 2))
    lon, lat = _transformer(epsg).transform(xy[:, 0], xy[:, 1])
    return np.column_stack([lon, lat])


def latlng_bounds(bounds: tuple[float, float, float, float], epsg: int) -> list[list[float]]:
    """Return metric bounds as Leaflet takes them: [[south, west], [north, east]] in degrees, 6 decimals."""
    minx, miny, maxx, maxy = bounds
    corners = np.array([[minx, miny], [minx, maxy], [maxx, miny], [maxx, maxy]], dtype=float)
    lonlat = to_lonlat(corners, epsg)
    low, high = lonlat.min(axis=0).round(6), lonlat.max(axis=0).round(6)
    return [[float(low[1]), float(low[0])], [float(high[1]), float(high[0])]]


def latlng_text(x: float, y: float, epsg: int) -> str:
    """Return a metric position as ``lat,lng`` in degrees, 6 decimals, for an attribute of a page."""
    lon, lat = to_lonlat(np.array([[x, y]], dtype=float), epsg)[0]
    return f"{lat:.6f},{lon:.6f}"
