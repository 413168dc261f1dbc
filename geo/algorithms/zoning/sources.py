"""What is unified: the communities and the departments' zonings as layers of one overlay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo.errors import MissingLayerError

COMMUNITY = "community"
"""Name of the first layer: communities are legal units, so their borders lead all others."""


@dataclass(frozen=True)
class Sources:
    """Layers in the order in which their borders lead: the communities, then the zonings.

    Attributes
    ----------
    frames
        Layer → its frame, with ``code`` and ``name``; :data:`COMMUNITY` first.
    """

    frames: Mapping[str, gpd.GeoDataFrame]

    @property
    def layer_ids(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(self.frames)

    @property
    def communities(self) -> gpd.GeoDataFrame:
        """The ``community`` frame."""
        return self.frames[COMMUNITY]

    @property
    def polygons(self) -> tuple[NDArray[np.object_], ...]:
        """Geometry of each layer."""
        return tuple(frame.geometry.to_numpy() for frame in self.frames.values())

    def codes(self, layer: int) -> NDArray[np.object_]:
        """Return the codes of a layer's polygons."""
        codes: NDArray[np.object_] = self.frames[self.layer_ids[layer]]["code"].to_numpy(dtype=object)
        return codes


def arrange_sources(
    zonings: Mapping[str, gpd.GeoDataFrame], communities: gpd.GeoDataFrame, lead: str | None = None
) -> Sources:
    """Return the layers of an overlay.

    Parameters
    ----------
    zonings
        Zoning id → its ``cell`` frame, all in one metric CRS.
    communities
        ``community`` frame; at least one row.
    lead
        Zoning whose borders lead those of the other zonings; None keeps the order.

    Raises
    ------
    MissingLayerError
        No zoning, no community, or no such zoning as ``lead``.
    """
    if not zonings or communities.empty:
        raise MissingLayerError("Unifying needs at least one zoning and the communities. Import them first.")
    if lead is not None and lead not in zonings:
        raise MissingLayerError(
            "There is no zoning '{zoning}' to lead the others. Known are {known}.",
            zoning=lead,
            known=", ".join(zonings),
        )
    order = sorted(zonings, key=lambda zoning: zoning != lead)
    return Sources({COMMUNITY: communities, **{zoning: zonings[zoning] for zoning in order}})
