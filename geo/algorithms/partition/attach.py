"""Attaching points and lines to the cells that hold them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray


def attach_points(
    points: NDArray[np.object_], polygons: NDArray[np.object_], codes: NDArray[np.object_]
) -> NDArray[np.object_]:
    """Return the code of the polygon that holds each point, None where none does; on a border the first code wins.

    Parameters
    ----------
    points
        Shape (n,).
    polygons, codes
        Shape (c,): cells and their codes.
    """
    result = np.full(len(points), None, dtype=object)
    point, cell = shapely.STRtree(polygons).query(points, predicate="intersects")
    order = np.lexsort((codes[cell].astype(str), point))[::-1]
    result[point[order]] = codes[cell[order]]
    return result


def places_of(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Return the point at which each feature counts: itself, the middle of a line, or a point inside an area."""
    geometry: NDArray[np.object_] = frame.geometry.to_numpy()
    places = geometry.copy()
    dimension = shapely.get_dimensions(geometry)
    places[dimension == 1] = shapely.line_interpolate_point(geometry[dimension == 1], 0.5, normalized=True)
    places[dimension == 2] = shapely.point_on_surface(geometry[dimension == 2])
    return places


def attach_lines(lines: NDArray[np.object_], polygons: NDArray[np.object_]) -> pd.DataFrame:
    """Return how much of each line lies in each polygon.

    A line along a common border belongs to both sides; its length is then split between them.

    Returns
    -------
    DataFrame
        ``line`` and ``cell`` (row numbers) and ``length_m``; pairs that share no length are left out.
    """
    line, cell = shapely.STRtree(polygons).query(lines, predicate="intersects")
    pieces = shapely.intersection(lines[line], polygons[cell])
    lengths = shapely.length(pieces)
    frame = pd.DataFrame({"line": line, "cell": cell, "length_m": lengths})
    frame = frame[frame["length_m"] > 1e-6].sort_values(["line", "cell"]).reset_index(drop=True)
    total = frame.groupby("line")["length_m"].transform("sum").to_numpy()
    whole = shapely.length(lines[frame["line"].to_numpy()])
    frame["length_m"] = frame["length_m"].to_numpy() * np.minimum(1.0, whole / np.maximum(total, 1e-12))
    return frame
