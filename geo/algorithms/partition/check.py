"""Independent check of a unified layer; shares no code with what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely


@dataclass(frozen=True)
class PartitionCheck:
    """Outcome of the checks.

    Attributes
    ----------
    outcomes
        Name of the check → whether it holds.
    area_error_m2
        Largest difference between the area of a source cell and what the lineage accounts for.
    """

    outcomes: Mapping[str, bool]
    area_error_m2: float

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that do not hold."""
        return tuple(name for name, holds in self.outcomes.items() if not holds)


def check_unified(
    cells: gpd.GeoDataFrame,
    lineage: pd.DataFrame,
    zonings: Mapping[str, gpd.GeoDataFrame],
    communities: gpd.GeoDataFrame,
    tolerance_m: float,
) -> PartitionCheck:
    """Check a unified layer against its sources.

    Parameters
    ----------
    cells
        ``unified_cell`` frame.
    lineage
        ``lineage`` frame.
    zonings
        Zoning id → its ``cell`` frame.
    communities
        ``community`` frame, possibly empty.
    tolerance_m
        Largest move of a border by rounding; bounds the error in area together with the perimeter.
    """
    polygons = cells.geometry.to_numpy()
    sources = [frame.geometry.to_numpy() for frame in (*zonings.values(), communities) if len(frame)]
    covered = shapely.union_all(np.concatenate(sources))
    outcomes = {
        "polygons_valid": bool(shapely.is_valid(polygons).all()),
        "coverage_valid": bool(shapely.coverage_is_valid(polygons)),
        "one_part_each": bool((shapely.get_num_geometries(polygons) == 1).all()),
        "codes_unique": bool(cells["code"].is_unique),
    }
    slack = tolerance_m * (float(shapely.length(polygons).sum()) + covered.length) + 1e-6
    outcomes["nothing_lost"] = abs(float(cells.area.sum()) - covered.area) <= slack
    outcomes["cell_shares_at_most_one"] = all(
        _shares_fit(lineage[lineage["zoning_id"] == zoning_id], frame, cells) for zoning_id, frame in zonings.items()
    )
    error = 0.0
    complete = True
    for zoning_id, frame in zonings.items():
        mine = lineage[lineage["zoning_id"] == zoning_id].groupby("source_code")["area_m2"].sum()
        area = pd.Series(frame.area.to_numpy(), index=frame["code"])
        perimeter = pd.Series(frame.length.to_numpy(), index=frame["code"])
        difference = (area - mine.reindex(area.index).fillna(0.0)).abs()
        error = max(error, float(difference.max()))
        complete &= bool((difference <= tolerance_m * perimeter + 1e-6).all())
    outcomes["source_cells_accounted_for"] = complete
    outcomes["one_community_each"] = _in_one_community(cells, communities)
    return PartitionCheck(outcomes, error)


def _shares_fit(lineage: pd.DataFrame, zoning: gpd.GeoDataFrame, cells: gpd.GeoDataFrame) -> bool:
    """Return whether no unified cell gets more of a zoning than its own area, but for where the zoning overlaps itself."""
    shares = lineage.groupby("cell_code")["share_of_cell"].sum()
    area = pd.Series(cells.area.to_numpy()).groupby(cells["code"].to_numpy()).min().reindex(shares.index)
    overlap = max(float(zoning.area.sum()) - shapely.union_all(zoning.geometry.to_numpy()).area, 0.0)
    return bool((shares <= 1 + 1e-6 + overlap / area).all())


def _in_one_community(cells: gpd.GeoDataFrame, communities: gpd.GeoDataFrame) -> bool:
    """Return whether every cell names one community, and lies in it where it lies in any."""
    if not bool((cells["community_code"] != "").all()):
        return False
    if communities.empty:
        return True
    points = shapely.point_on_surface(cells.geometry.to_numpy())
    cell, community = shapely.STRtree(communities.geometry.to_numpy()).query(points, predicate="within")
    named = cells["community_code"].to_numpy()
    found = communities["code"].to_numpy()[community]
    right = pd.Series(named[cell] == found).groupby(cell).any()
    return bool(right.all())
