"""What names the unified cell that it lies in: facilities, incidents, buildings, streets and the network."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from geo.algorithms.partition.attach import attach_lines, attach_points, places_of
from geo.services.extent import bounds_of
from geo.storage.transaction import Transaction

ATTACHED = ("facility", "incident", "building", "network_edge")
"""Tables whose rows name the cell of their place."""


def attach_all(transaction: Transaction, cells: gpd.GeoDataFrame) -> tuple[int, float]:
    """Give everything the codes of a whole new layer; return the facilities and the length of streets in no cell.

    The risk, which was assessed on the former cells, is dropped.
    """
    polygons, codes = cells.geometry.to_numpy(), cells["code"].to_numpy(dtype=object)
    outside = 0
    for table in ATTACHED:
        frame = transaction.read(table)
        if frame.empty:
            continue
        frame["cell_code"] = attach_points(places_of(frame), polygons, codes)
        transaction.replace(table, frame)
        if table == "facility":
            outside = int(frame["cell_code"].isna().sum())
    streets = transaction.read("street")
    street_cell = _attach_streets(streets, cells)
    transaction.replace("street_cell", street_cell)
    _drop_risk(transaction)
    return outside, max(0.0, float(streets.length.sum() - street_cell["length_m"].sum()))


def attach_again(transaction: Transaction, gone: list[str], new: gpd.GeoDataFrame) -> None:
    """Give what lay in cells that are gone, or in none, the codes of the cells there now.

    Parameters
    ----------
    transaction
        Holds the new cells already.
    gone
        Codes of the cells that are gone or have another shape.
    new
        ``unified_cell`` rows that took their place.
    """
    if not gone and new.empty:
        return
    _drop_risk(transaction)
    for table in ATTACHED:
        for lay_in in (gone, None):
            if not transaction.count(table, where={"cell_code": lay_in}):
                continue
            rows = transaction.read(table, where={"cell_code": lay_in})
            around = _cells_around(transaction, rows if lay_in is not None else new)
            places, polygons = places_of(rows), around.geometry.to_numpy()
            rows["cell_code"] = attach_points(places, polygons, around["code"].to_numpy(dtype=object))
            if lay_in is not None or rows["cell_code"].notna().any():
                transaction.replace(table, rows, where={"cell_code": lay_in})
    if not transaction.count("street"):
        return
    ids = transaction.read("street_cell", where={"cell_code": gone})["street_id"].tolist()
    if len(new):
        streets = transaction.read("street", bbox=bounds_of(new.geometry.to_numpy()))
        ids = sorted({*ids, *streets["street_id"].tolist()})
    if ids:
        streets = transaction.read("street", where={"street_id": ids})
        around = _cells_around(transaction, streets)
        transaction.replace("street_cell", _attach_streets(streets, around), where={"street_id": ids})


def _cells_around(transaction: Transaction, rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    cells: gpd.GeoDataFrame = transaction.read("unified_cell", bbox=bounds_of(rows.geometry.to_numpy()))
    return cells


def _attach_streets(streets: gpd.GeoDataFrame, cells: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the ``street_cell`` frame: how much of each street lies in each cell."""
    attached = attach_lines(streets.geometry.to_numpy(), cells.geometry.to_numpy())
    return pd.DataFrame(
        {
            "street_id": streets["street_id"].to_numpy()[attached["line"]],
            "cell_code": cells["code"].to_numpy(dtype=object)[attached["cell"]],
            "length_m": attached["length_m"],
        }
    )


def _drop_risk(transaction: Transaction) -> None:
    transaction.delete("risk_cell")
    transaction.delete("risk_surface")
