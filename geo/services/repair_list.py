"""The list of repairs: what an import mended or left out, kept so that it can be seen on a map."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd

from geo.storage.transaction import Transaction


def list_repairs(
    repairs: gpd.GeoDataFrame, table: str, zoning_id: str, source: str, rows: Sequence[int], codes: Sequence[str]
) -> gpd.GeoDataFrame:
    """Return the rows of the table ``repair``; features without a place stay in the finding alone.

    Parameters
    ----------
    repairs
        Of :func:`geo.algorithms.repair.repair_layer`.
    table, zoning_id, source
        Layer that the features belong to, and the file.
    rows, codes
        Feature numbers of what is stored, and their codes; both empty for layers without codes.
    """
    code_of = dict(zip(rows, codes, strict=True))
    placed = repairs[repairs.geometry.notna()].reset_index(drop=True)
    code = placed["row"].map(code_of)
    return placed.assign(
        layer=table, zoning_id=zoning_id, source=source, code=code.where(code.notna(), "").astype("str")
    )


def store_repairs(
    transaction: Transaction, repairs: gpd.GeoDataFrame, table: str, zoning_id: str, replaces: bool
) -> None:
    """Keep the repairs of an import; those of the layer's former imports go when the import replaces the layer."""
    if replaces:
        transaction.delete("repair", where={"layer": table, "zoning_id": zoning_id})
    if len(repairs):
        transaction.append("repair", repairs)
