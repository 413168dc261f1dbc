"""Which cell of a new layer continues which cell of the former one."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

_CONTINUES_SHARE = 0.5
"""Share of both areas that must be common: above one half, a cell has at most one predecessor and one successor."""


@dataclass(frozen=True)
class FormerCells:
    """What stood before.

    Attributes
    ----------
    cells
        Cells of the last unified layer with ``code``, ``name``, ``community_code`` and geometry; all cells of each
        community whose cells are coded anew.
    history
        ``code_history`` frame, whole.
    """

    cells: gpd.GeoDataFrame
    history: pd.DataFrame


@dataclass(frozen=True)
class CommonGround:
    """Pairs of a new and a former cell that share ground.

    Attributes
    ----------
    new, former
        Shape (p,): row numbers.
    areas_m2
        Shape (p,): area that they share, above zero.
    """

    new: NDArray[np.int64]
    former: NDArray[np.int64]
    areas_m2: NDArray[np.float64]


def match_former(cells: gpd.GeoDataFrame, former: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Return for each cell the row of the former cell that it continues, or −1.

    It continues the cell of the same community with which it shares more than half of both areas. Cells whose geometry has
    not changed are found without intersecting anything.

    Parameters
    ----------
    cells, former
        With ``community_code`` and polygons; the cells of one frame do not overlap each other.

    Returns
    -------
    NDArray
        Shape (n,); no row of ``former`` occurs twice.
    """
    matches = np.full(len(cells), -1, dtype=np.int64)
    polygons, before = cells.geometry.to_numpy(), former.geometry.to_numpy()
    homes, homes_before = (
        cells["community_code"].to_numpy(dtype=object),
        former["community_code"].to_numpy(dtype=object),
    )
    for simplify in (_as_they_are, shapely.normalize):
        new = np.flatnonzero(matches < 0)
        old = np.setdiff1d(np.arange(len(former)), matches)
        matches[new] = _same_geometry(
            simplify(polygons[new]), homes[new], simplify(before[old]), homes_before[old], old
        )
    new = np.flatnonzero(matches < 0)
    old = np.setdiff1d(np.arange(len(former)), matches)
    ground = common_ground(polygons[new], before[old])
    one, two = new[ground.new], old[ground.former]
    half = _CONTINUES_SHARE * np.maximum(shapely.area(polygons[one]), shapely.area(before[two]))
    continues = (ground.areas_m2 > half) & (homes[one] == homes_before[two])
    largest = np.lexsort((one, two, -ground.areas_m2))
    largest = largest[continues[largest]]
    pairs = pd.DataFrame({"new": one[largest], "former": two[largest]})
    pairs = pairs.drop_duplicates("new").drop_duplicates("former")
    matches[pairs["new"]] = pairs["former"]
    return matches


def common_ground(polygons: NDArray[np.object_], former: NDArray[np.object_]) -> CommonGround:
    """Return which polygons of two layers share ground, and how much.

    Parameters
    ----------
    polygons, former
        Shape (n,) and (m,): valid polygons in one metric CRS.
    """
    new, old = shapely.STRtree(former).query(polygons, predicate="intersects")
    areas = shapely.area(shapely.intersection(polygons[new], former[old]))
    shared = areas > 0
    return CommonGround(new[shared].astype(np.int64), old[shared].astype(np.int64), areas[shared])


def _as_they_are(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    return polygons


def _same_geometry(
    polygons: NDArray[np.object_],
    homes: NDArray[np.object_],
    former: NDArray[np.object_],
    homes_before: NDArray[np.object_],
    rows: NDArray[np.int64],
) -> list[int]:
    """Return for each polygon the row of the former one that is the same in the same community, or −1."""
    known: dict[tuple[Hashable, bytes], int] = dict(
        zip(zip(homes_before, shapely.to_wkb(former), strict=True), rows.tolist(), strict=True)
    )
    return [known.pop(key, -1) for key in zip(homes, shapely.to_wkb(polygons), strict=True)]
