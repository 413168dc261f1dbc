"""Where things are: bounds of polygons, and of what a project covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.storage.transaction import Transaction

Bounds = tuple[float, float, float, float]


def bounds_of(shapes: Sequence[Any] | NDArray[np.object_], reach_m: float = 0.0) -> Bounds:
    """Return the bounds of shapes, grown on all sides."""
    west, south, east, north = shapely.total_bounds(np.asarray(shapes, dtype=object))
    return float(west - reach_m), float(south - reach_m), float(east + reach_m), float(north + reach_m)


def read_extent(transaction: Transaction) -> Bounds | None:
    """Return the bounds of the communities or, without any, of the cells, or of the streets; None without all of these."""
    for table in ("community", "cell", "street"):
        frame = transaction.read(table)
        if len(frame):
            return bounds_of(frame.geometry.to_numpy())
    return None
