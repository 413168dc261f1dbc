"""What an edit touches: the communities about it, and everything about those that has a say in how they are unified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.coverage import border_pieces
from geo.algorithms.partition.overlay import SnapParams
from geo.algorithms.partition.tiles import Layers
from geo.algorithms.zoning.codes import find_scheme
from geo.algorithms.zoning.parts import Wanted
from geo.algorithms.zoning.sources import COMMUNITY
from geo.algorithms.zoning.succession import FormerCells
from geo.algorithms.zoning.unify import NO_AMOUNTS, Surroundings, Unified, UnifyParams, unify_zonings
from geo.errors import MissingLayerError
from geo.services.extent import bounds_of
from geo.services.unify_inputs import read_amounts
from geo.storage.transaction import Transaction

_FIRST_REACH_M = 150.0
Cell = tuple[str, str]
"""Zoning and code of a cell."""


@dataclass(frozen=True)
class Touched:
    """Communities to be unified again, with all polygons about them.

    Attributes
    ----------
    codes
        Codes of the communities.
    zonings, communities
        Zoning id → the ``cell`` rows about them; the ``community`` rows.
    places
        Ground that they had, or may have, beside their own.
    """

    codes: tuple[str, ...]
    zonings: dict[str, gpd.GeoDataFrame]
    communities: gpd.GeoDataFrame
    places: NDArray[np.object_]

    @property
    def wanted(self) -> NDArray[np.int64]:
        """Rows of the communities to be unified."""
        return np.flatnonzero(self.communities["code"].isin(self.codes).to_numpy())

    @property
    def ground(self) -> NDArray[np.object_]:
        """The communities to be unified."""
        polygons: NDArray[np.object_] = self.communities.geometry.to_numpy()[self.wanted]
        return polygons

    def unify(self, transaction: Transaction, params: UnifyParams, former: FormerCells) -> Unified:
        """Return the communities unified."""
        scheme = find_scheme(params.scheme, transaction.project.code_prefix)
        is_bounded = params.policy == "optimised"
        amounts = read_amounts(transaction, bounds_of(self.ground)) if is_bounded else NO_AMOUNTS
        wanted = Wanted(self.wanted, self.places)
        surroundings = Surroundings(amounts, former, wanted=wanted)
        return unify_zonings(self.zonings, self.communities, scheme, params, surroundings=surroundings)


def find_changed_borders(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> list[shapely.Geometry]:
    """Return where the borders of cells change: the pieces that only one of the states has, by cell.

    Parameters
    ----------
    before, after
        ``cell`` frames; a cell that is in one of them only changes along all its border.
    """
    shapes = [dict(zip(frame["code"], frame.geometry, strict=True)) for frame in (before, after)]
    places = []
    for code in sorted({*shapes[0], *shapes[1]}):
        one, other = (border_pieces(found[code]) if code in found else set() for found in shapes)
        if code in shapes[0] and code in shapes[1]:
            one, other = one - other, other - one
        if changed := sorted(one | other):
            places.append(shapely.multilinestrings(np.array(changed).reshape(-1, 2, 2)))
    return places


def find_touched(
    transaction: Transaction,
    params: UnifyParams,
    zoning_id: str,
    before: gpd.GeoDataFrame,
    places: Sequence[shapely.Geometry],
) -> tuple[str, ...]:
    """Return the codes of the communities in which a change of cells can change anything.

    These are the communities near the borders that change, and those in which the changed cells have ground: their shares
    change there.

    Parameters
    ----------
    transaction
        Holds the change not yet.
    params
        With the tolerance.
    zoning_id, before
        Zoning of the cells that change, and their rows as they are.
    places
        Borders that change.

    Raises
    ------
    MissingLayerError
        There are no communities; the whole project is one then, and is to be unified whole.
    """
    if not transaction.count("community"):
        raise MissingLayerError("Cells can be edited one by one when communities were imported. Import them first.")
    codes: set[str] = set()
    if places:
        _, communities, boxes = _read_around(transaction, params, np.array(places, dtype=object))
        near = shapely.STRtree(communities.geometry.to_numpy()).query(boxes, predicate="intersects")[1]
        codes = set(communities["code"].iloc[np.unique(near)])
    held = transaction.read("lineage", where={"zoning_id": zoning_id, "source_code": before["code"].tolist()})
    cells = transaction.read("unified_cell", where={"code": sorted(set(held["cell_code"]))})
    codes |= set(cells["community_code"])
    return tuple(sorted(codes or set(_nearest(transaction, places)["code"])))


def _nearest(transaction: Transaction, places: Sequence[shapely.Geometry]) -> gpd.GeoDataFrame:
    """Return the communities to which ground far from all of them may be given."""
    communities = transaction.read("community")
    row = shapely.STRtree(communities.geometry.to_numpy()).query_nearest(np.array(places, dtype=object))[1]
    return communities.iloc[np.unique(row)]


def read_touched(
    transaction: Transaction, params: UnifyParams, codes: Sequence[str], places: Sequence[shapely.Geometry]
) -> Touched:
    """Read the communities to be unified again, and all polygons about them and about other places of theirs."""
    ground = transaction.read("community", where={"code": list(codes)}).geometry.to_numpy()
    cells, communities, _ = _read_around(transaction, params, np.array([*ground, *places], dtype=object))
    zoning = cells["zoning_id"].to_numpy(dtype=object)
    rows = {key: np.flatnonzero(zoning == key) for key in transaction.read("zoning")["zoning_id"]}
    zonings = {key: cells.iloc[mine].reset_index(drop=True) for key, mine in rows.items() if len(mine)}
    return Touched(tuple(codes), zonings, communities, np.array(places, dtype=object))


def _read_around(
    transaction: Transaction, params: UnifyParams, places: NDArray[np.object_]
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, NDArray[np.object_]]:
    """Read the cells and communities that can act on the overlay at some places, and the boxes in which they do."""
    bbox = bounds_of(places, _FIRST_REACH_M)
    while True:
        cells = transaction.read("cell", bbox=bbox)
        communities = transaction.read("community", bbox=bounds_of([*cells.geometry, *places]))
        layers = Layers((communities.geometry.to_numpy(), cells.geometry.to_numpy()))
        boxes = shapely.box(*layers.boxes_around(places, SnapParams(float(params.tolerance_m or 0.0))).T)
        if shapely.covers(shapely.box(*bbox), boxes).all():
            return cells, communities, boxes
        bbox = bounds_of([*boxes, shapely.box(*bbox)])


def read_former(transaction: Transaction, codes: Sequence[str]) -> FormerCells:
    """Return the unified cells of some communities, and the history of their codes."""
    where = {"community_code": list(codes)}
    return FormerCells(transaction.read("unified_cell", where=where), transaction.read("code_history", where=where))


def read_overlaps_of(transaction: Transaction, touched: Touched, overlaps: pd.DataFrame) -> pd.DataFrame:
    """Return the stored correspondence of some cells outside the communities to be unified again.

    Parameters
    ----------
    transaction
        Of the project.
    touched
        The communities, and the polygons about them.
    overlaps
        Correspondence in which the cells occur.
    """
    keys = {cell for cell in _cells_in(overlaps) if cell[0] != COMMUNITY}
    reaching = [
        shape
        for zoning, frame in touched.zonings.items()
        for code, shape in zip(frame["code"], frame.geometry.to_numpy(), strict=True)
        if (zoning, code) in keys
    ]
    around = transaction.read("community", bbox=bounds_of([*reaching, *touched.ground], _FIRST_REACH_M))["code"]
    others = sorted(set(around) - set(touched.codes))
    if not others:
        return overlaps.iloc[:0]
    table = transaction.read("cell_overlap", where={"community_code": others})
    return _of_cells(table, keys).reset_index(drop=True)


def find_moved_homes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    elsewhere: pd.DataFrame,
    areas_before: dict[Cell, float],
    areas_after: dict[Cell, float],
    nested_share: float,
) -> tuple[str, ...]:
    """Return the communities in which cells have ground whose home in another zoning the edit has changed.

    Parameters
    ----------
    before, after
        Correspondence of cells in the communities that were unified again.
    elsewhere
        Correspondence of the same cells in other communities.
    areas_before, areas_after
        (zoning, code) → area of the cell, m².
    nested_share
        A cell is meant to lie in the cell that holds at least this share of it.
    """
    if elsewhere.empty:
        return ()
    reaching = _cells_in(elsewhere)
    before, after = (pd.concat([_of_cells(table, reaching), elsewhere]) for table in (before, after))
    one, other = _homes(before, areas_before, nested_share), _homes(after, areas_after, nested_share)
    moved = {cell for cell, _ in one ^ other}
    if not moved:
        return ()
    rows = _of_cells(pd.concat([before, after]), moved)
    return tuple(sorted(set(rows["community_code"])))


def _sides(overlaps: pd.DataFrame) -> tuple[list[Cell], list[Cell]]:
    """Return the cells on both sides of each row of a correspondence."""
    lists = {name: overlaps[name].tolist() for name in ("zoning_a", "cell_a", "zoning_b", "cell_b")}
    return (
        list(zip(lists["zoning_a"], lists["cell_a"], strict=True)),
        list(zip(lists["zoning_b"], lists["cell_b"], strict=True)),
    )


def _cells_in(overlaps: pd.DataFrame) -> set[Cell]:
    """Return the cells that occur in a correspondence, communities among them."""
    one, other = _sides(overlaps)
    return {*one, *other}


def _of_cells(overlaps: pd.DataFrame, cells: set[Cell]) -> pd.DataFrame:
    """Return the rows of a correspondence in which some cells occur."""
    pairs = zip(*_sides(overlaps), strict=True)
    rows: pd.DataFrame = overlaps[np.fromiter((a in cells or b in cells for a, b in pairs), bool, len(overlaps))]
    return rows


def _homes(overlaps: pd.DataFrame, areas: dict[Cell, float], nested_share: float) -> set[tuple[Cell, Cell]]:
    """Return (cell, its home) for every cell that is meant to lie in one of another zoning."""
    common: dict[tuple[Cell, Cell], float] = {}
    for pair, area in zip(zip(*_sides(overlaps), strict=True), overlaps["area_m2"].tolist(), strict=True):
        common[pair] = common.get(pair, 0.0) + area
    nowhere = float("inf")
    pairs = [(*pair, area) for pair, area in common.items()]
    return {
        (mine, theirs)
        for a, b, area in pairs
        for mine, theirs in ((a, b), (b, a))
        if area >= nested_share * areas.get(mine, nowhere)
    }
