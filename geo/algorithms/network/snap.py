"""Places to junctions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo.model.network import StreetNetwork


def nearest_nodes(
    network: StreetNetwork, xy: NDArray[np.float64], allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the nearest allowed junction of each place and its distance in metres.

    Parameters
    ----------
    network
        Streets.
    xy
        Shape (n, 2): places in the metric CRS.
    allowed
        Shape (nodes,): junctions to choose from; at least one.
    """
    candidates = np.flatnonzero(allowed)
    distance, which = cKDTree(network.xy[candidates]).query(xy)
    return candidates[which], np.asarray(distance, dtype=np.float64)
