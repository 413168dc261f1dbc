"""What an edit touches: the communities about it, and everything about those that has a say in how they are unified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
        around, boxes = _read_around(transaction, params, np.array(places, dtype=object))
        near = shapely.STRtree(around.communities.geometry.to_numpy()).query(boxes, predicate="intersects")[1]
        codes = set(around.communities["code"].iloc[np.unique(near)])
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
    around, _ = _read_around(transaction, params, np.array([*ground, *places], dtype=object))
    return replace(around, codes=tuple(codes), places=np.array(places, dtype=object))


def _read_around(
    transaction: Transaction, params: UnifyParams, places: NDArray[np.object_]
) -> tuple[Touched, NDArray[np.object_]]:
    """Read the polygons that can act on the overlay at some places, and return the boxes in which they do."""
    order = transaction.read("zoning")["zoning_id"].tolist()
    bbox = bounds_of(places, _FIRST_REACH_M)
    while True:
        cells = transaction.read("cell", bbox=bbox)
        communities = transaction.read("community", bbox=bounds_of([*cells.geometry, *places]))
        zonings = {key: cells[cells["zoning_id"] == key].reset_index(drop=True) for key in order}
        layers = Layers((communities.geometry.to_numpy(), *(frame.geometry.to_numpy() for frame in zonings.values())))
        boxes = shapely.box(*layers.boxes_around(places, SnapParams(float(params.tolerance_m or 0.0))).T)
        if shapely.covers(shapely.box(*bbox), boxes).all():
            held = {key: frame for key, frame in zonings.items() if len(frame)}
            return Touched((), held, communities, places), boxes
        bbox = bounds_of([*boxes, shapely.box(*bbox)])


def read_former(transaction: Transaction, codes: Sequence[str]) -> FormerCells:
    """Return the unified cells of some communities, and the history of their codes."""
    where = {"community_code": list(codes)}
    return FormerCells(transaction.read("unified_cell", where=where), transaction.read("code_history", where=where))


def read_overlaps_of(transaction: Transaction, touched: Touched, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the stored correspondence of some cells outside the communities to be unified again.

    Parameters
    ----------
    transaction
        Of the project.
    touched
        The communities, and the polygons about them.
    cells
        Columns ``zoning`` and ``code``.
    """
    keys = pd.MultiIndex.from_frame(cells[cells["zoning"] != COMMUNITY])
    reaching = [
        frame.geometry[pd.MultiIndex.from_product([[zoning], frame["code"]]).isin(keys)]
        for zoning, frame in touched.zonings.items()
    ]
    shapes = [shape for shapes in reaching for shape in shapes]
    around = transaction.read("community", bbox=bounds_of([*shapes, *touched.ground], _FIRST_REACH_M))["code"]
    others = sorted(set(around) - set(touched.codes))
    table = transaction.read("cell_overlap", where={"community_code": others})
    return _of_cells(table, keys).reset_index(drop=True)


def cells_in(overlaps: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that occur in a correspondence: ``zoning`` and ``code``."""
    sides = [
        overlaps[[f"zoning_{side}", f"cell_{side}"]].set_axis(["zoning", "code"], axis="columns") for side in ("a", "b")
    ]
    cells: pd.DataFrame = pd.concat(sides, ignore_index=True).drop_duplicates(ignore_index=True)
    return cells


def find_moved_homes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    elsewhere: pd.DataFrame,
    areas_before: dict[tuple[str, str], float],
    areas_after: dict[tuple[str, str], float],
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
    reaching = pd.MultiIndex.from_frame(cells_in(elsewhere))
    before, after = (pd.concat([_of_cells(table, reaching), elsewhere]) for table in (before, after))
    one, other = _homes(before, areas_before, nested_share), _homes(after, areas_after, nested_share)
    moved = {(zoning, code) for zoning, code, *_ in one ^ other}
    if not moved:
        return ()
    rows = _of_cells(pd.concat([before, after]), pd.MultiIndex.from_tuples(sorted(moved)))
    return tuple(sorted(set(rows["community_code"])))


def _of_cells(overlaps: pd.DataFrame, cells: pd.MultiIndex) -> pd.DataFrame:
    """Return the rows of a correspondence in which some cells occur."""
    held = [pd.MultiIndex.from_frame(overlaps[[f"zoning_{side}", f"cell_{side}"]]).isin(cells) for side in ("a", "b")]
    rows: pd.DataFrame = overlaps[held[0] | held[1]]
    return rows


def _homes(
    overlaps: pd.DataFrame, areas: dict[tuple[str, str], float], nested_share: float
) -> set[tuple[str, str, str, str]]:
    """Return (zoning, cell, other zoning, cell there) for every cell that is meant to lie in one of another zoning."""
    a, b = ["zoning_a", "cell_a"], ["zoning_b", "cell_b"]
    sums = overlaps.groupby([*a, *b], as_index=False).agg({"area_m2": "sum"})
    found = set()
    for mine, theirs in ((a, b), (b, a)):
        whole = [areas.get(key, np.inf) for key in zip(*(sums[name] for name in mine), strict=True)]
        nested = sums[sums["area_m2"].to_numpy() >= nested_share * np.array(whole)]
        found |= set(nested[[*mine, *theirs]].itertuples(index=False, name=None))
    return found
