"""Independent check of a unified layer; shares no code with what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.coverage import is_coverage, union_coverage

_EXACT = 1e-9
"""Relative error of an area that nothing has moved."""
_STEP_M = 1e-8
"""Borders nearer than this are the same for a computer at 5,000 km."""


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


@dataclass(frozen=True)
class PartOfTown:
    """What to expect when the cells are only those of some communities, but the sources reach beyond.

    Attributes
    ----------
    covered_m2
        Ground that the cells are to cover.
    whole
        Zoning id → which of its cells have all their ground in these communities.
    """

    covered_m2: float
    whole: Mapping[str, NDArray[np.bool_]]


def check_unified(
    cells: gpd.GeoDataFrame,
    lineage: pd.DataFrame,
    zonings: Mapping[str, gpd.GeoDataFrame],
    communities: gpd.GeoDataFrame,
    snapped_m2: Mapping[str, NDArray[np.float64]],
    tolerance_m: float,
    part: PartOfTown | None = None,
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
        ``community`` frame.
    snapped_m2
        Zoning id → for each of its polygons the ground that snapping is said to have moved at the most.
    tolerance_m
        How far borders may have been moved.
    part
        When the cells are only a part of the town; None when they are all.
    """
    polygons = cells.geometry.to_numpy()
    sources = {**zonings, "community": communities}
    outcomes = {
        "polygons_valid": bool(shapely.is_valid(polygons).all()),
        "coverage_valid": is_coverage(polygons),
        "one_part_each": bool((shapely.get_num_geometries(polygons) == 1).all()),
        "codes_unique": bool(cells["code"].is_unique),
        "snapped_within_tolerance": _snapped_little(zonings, snapped_m2, tolerance_m),
    }
    covered = _covered_area(list(sources.values())) if part is None else part.covered_m2
    slack = sum(float(moved.sum()) for moved in snapped_m2.values()) + 10 * _EXACT * covered
    outcomes["nothing_lost"] = abs(float(shapely.area(polygons).sum()) - covered) <= slack
    parts = {zoning_id: _Shares(lineage, zoning_id, frame, cells) for zoning_id, frame in zonings.items()}
    outcomes["cell_shares_at_most_one"] = all(shares.fit(tolerance_m) for shares in parts.values())
    outcomes["shares_are_right"] = all(shares.are_right() for shares in parts.values())
    error, complete = 0.0, True
    for zoning_id, frame in zonings.items():
        area, perimeter = shapely.area(frame.geometry.to_numpy()), shapely.length(frame.geometry.to_numpy())
        difference = np.abs(area - parts[zoning_id].held_of_source_m2)
        allowed = snapped_m2[zoning_id] + _EXACT * area + _STEP_M * perimeter
        if part is not None:
            difference = np.where(part.whole[zoning_id], difference, 0.0)
        error = max(error, float(difference.max(initial=0.0)))
        complete &= bool((difference <= allowed).all())
    outcomes["source_cells_accounted_for"] = complete
    outcomes["one_community_each"] = _in_one_community(cells, communities, tolerance_m)
    return PartitionCheck(outcomes, error)


def _snapped_little(
    zonings: Mapping[str, gpd.GeoDataFrame], snapped_m2: Mapping[str, NDArray[np.float64]], tolerance_m: float
) -> bool:
    """Return whether no polygon is said to have lost or won more than a strip along its border."""
    strip = 2 * max(tolerance_m, _STEP_M)
    return all(
        bool((snapped_m2[name] <= strip * (shapely.length(frame.geometry.to_numpy()) + 10 * strip)).all())
        for name, frame in zonings.items()
    )


def _covered_area(sources: list[gpd.GeoDataFrame]) -> float:
    """Return the area that the sources cover together."""
    unions = []
    for frame in sources:
        polygons = frame.geometry.to_numpy()
        is_simple = bool(shapely.coverage_is_valid(polygons))
        unions.append(union_coverage(polygons) if is_simple else shapely.union_all(polygons))
    return float(shapely.union_all(unions).area)


class _Shares:
    """The lineage of one zoning, row by row, with what it names looked up."""

    def __init__(
        self, lineage: pd.DataFrame, zoning_id: str, zoning: gpd.GeoDataFrame, cells: gpd.GeoDataFrame
    ) -> None:
        self._rows = lineage[(lineage["zoning_id"] == zoning_id).to_numpy(dtype=bool)]
        self._zoning, self._cells = zoning.geometry.to_numpy(), cells.geometry.to_numpy()
        self._area_m2 = self._rows["area_m2"].to_numpy(dtype=np.float64)
        self._source = _places(zoning["code"], self._rows["source_code"])
        self._cell = _places(cells["code"], self._rows["cell_code"])

    @property
    def held_of_source_m2(self) -> NDArray[np.float64]:
        """How much of each source cell the unified cells hold."""
        return self._sums(self._source, len(self._zoning))

    def _sums(self, places: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        known = places >= 0
        sums: NDArray[np.float64] = np.bincount(places[known], self._area_m2[known], count).astype(np.float64)
        return sums

    def fit(self, tolerance_m: float) -> bool:
        """Return whether no unified cell gets more of the zoning than its own area, but for where that overlaps itself."""
        overlap = 0.0
        if not shapely.coverage_is_valid(self._zoning):
            overlap = max(float(shapely.area(self._zoning).sum()) - float(shapely.union_all(self._zoning).area), 0.0)
        held_m2 = self._sums(self._cell, len(self._cells))
        slack = overlap + (tolerance_m + _STEP_M) * shapely.length(self._cells)
        return bool((held_m2 <= shapely.area(self._cells) * (1 + 1e-6) + slack).all())

    def are_right(self) -> bool:
        """Return whether the shares of each row are its area over that of the source cell and of the unified cell."""
        right = bool((self._source >= 0).all() and (self._cell >= 0).all())
        for share, polygons, places in (
            ("share_of_cell", self._cells, self._cell),
            ("share_of_source", self._zoning, self._source),
        ):
            area = self._rows[share].to_numpy(dtype=np.float64) * shapely.area(polygons)[places] if right else 0.0
            right &= bool(np.isclose(area, self._area_m2, rtol=1e-6, atol=_STEP_M).all())
        return right


def _places(codes: pd.Series[str], wanted: pd.Series[str]) -> NDArray[np.int64]:
    """Return where each wanted code stands among the codes, −1 for nowhere."""
    place = {code: number for number, code in reversed(list(enumerate(codes.tolist())))}
    return np.array([place.get(code, -1) for code in wanted.tolist()], dtype=np.int64)


def _in_one_community(cells: gpd.GeoDataFrame, communities: gpd.GeoDataFrame, tolerance_m: float) -> bool:
    """Return whether every cell names one community, and lies in it where it lies in any."""
    if not bool(cells["community_code"].isin(communities["code"]).all()):
        return False
    polygons = cells.geometry.to_numpy()
    inner = shapely.maximum_inscribed_circle(polygons, np.sqrt(shapely.area(polygons)) / 50)
    points = shapely.get_point(inner, 0)
    deep = shapely.length(inner) > 2 * tolerance_m  # a strip at the rim may lie on either side of the border as drawn
    cell, community = shapely.STRtree(communities.geometry.to_numpy()).query(points, predicate="within")
    named = cells["community_code"].to_numpy()
    found = communities["code"].to_numpy()[community]
    right = pd.Series(named[cell] == found).groupby(cell).any()
    return bool(right[deep[right.index]].all())
