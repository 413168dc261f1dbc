"""Where the coverage is not as it should be: rows of the project's tables, the worst first."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from geo.model.frames import empty_frame
from geo.model.view import ProjectView
from maps.findings import list_findings
from maps.labels import label
from maps.scene import has_rows, rows_of
from maps.wording import Phrase, verbatim

_SHORTEST_M, _SHORTEST_PIECE_M = 1.0, 0.1
"""Streets that reach out of the cells by less end at their border; shorter pieces of the others are not drawn."""


def troubles(view: ProjectView) -> list[str]:
    """Return the keys of what somebody has to look at; before unifying only what imports left out."""
    found = []
    if has_rows(view, "unified_cell"):
        conflicts = rows_of(view, "conflict")
        kinds = set(conflicts["kind"]) if len(conflicts) else set()
        found = [kind for kind in ("gap", "overlap", "unassigned") if kind in kinds]
        found += ["small"] if len(small_cells(view)) else []
        found += [table for table in ("building", "facility") if has_rows(view, table) and len(outside(view, table))]
        found += ["street"] if has_rows(view, "street") and len(_missing_lengths(view)) else []
    return found + (["left-out"] if left_out(view) else [])


def small_cells(view: ProjectView) -> gpd.GeoDataFrame:
    """Return the unified cells below the limits of slivers with their mean ``width_m``, the smallest first.

    The limits are those that the layer was unified with; without them no cell is small.
    """
    cells = view.layer("unified_cell")
    limits = (_last(view, "unify").get("params") or {}).get("slivers") or {"min_width_m": 0.0, "min_area_m2": 0.0}
    width = 2 * cells["area_m2"] / cells.geometry.length
    is_small = (width < limits["min_width_m"]) | (cells["area_m2"] < limits["min_area_m2"])
    found = cells.assign(width_m=width)[is_small]
    return found.sort_values(["area_m2", "code"], ignore_index=True)


def slivers(view: ProjectView) -> gpd.GeoDataFrame:
    """Return the dissolved slivers with the name of the ``cell`` that each joined, the largest first."""
    cells = view.layer("unified_cell")
    names = dict(zip(cells["code"], cells["name"], strict=True))
    frame = view.layer("sliver") if has_rows(view, "sliver") else empty_frame("sliver", view.project.epsg)
    frame = frame.assign(cell=[names.get(code, code) for code in frame["cell_code"]])
    return frame.sort_values(["area_m2", "cell_code"], ascending=[False, True], kind="stable", ignore_index=True)


def outside(view: ProjectView, table: str) -> gpd.GeoDataFrame:
    """Return the rows of a table that lie in no unified cell: buildings with most households first, others by code."""
    frame = view.layer(table)
    by = "households" if table == "building" else "code"
    found = frame[frame["cell_code"].isna()]
    return found.sort_values(by, ascending=by == "code", kind="stable", na_position="last", ignore_index=True)


def streets_outside(view: ProjectView, most: int) -> tuple[gpd.GeoDataFrame, float]:
    """Return the pieces of streets that lie in no unified cell with their ``outside_m``, and the whole length outside.

    Parameters
    ----------
    view
        The project.
    most
        Streets that are looked at, those with most length outside first.
    """
    missing = _missing_lengths(view, 0.0)
    whole_m = float(missing.sum())
    streets = view.layer("street")
    found = streets.assign(outside_m=missing)[missing.reindex(streets.index).ge(_SHORTEST_M)]
    found = found.sort_values(["outside_m", "street_id"], ascending=[False, True], ignore_index=True).head(most)
    pieces = found.set_geometry(_beyond(found, view.layer("unified_cell"))).explode(ignore_index=True)
    pieces = pieces.assign(outside_m=pieces.geometry.length)[pieces.geometry.length >= _SHORTEST_PIECE_M]
    pieces["name"] = pieces["name"].fillna("")
    return pieces.sort_values(["outside_m", "street_id"], ascending=[False, True], ignore_index=True), whole_m


def _missing_lengths(view: ProjectView, from_m: float = _SHORTEST_M) -> pd.Series:
    """Return the length that lies in no cell, of each street where it is at least ``from_m``."""
    streets, inside = view.layer("street"), rows_of(view, "street_cell")
    held = inside.groupby("street_id")["length_m"].sum() if len(inside) else pd.Series(dtype="float64")
    missing = (streets.geometry.length - streets["street_id"].map(held).fillna(0.0)).clip(lower=0.0)
    found: pd.Series = missing[missing >= from_m]
    return found


def _beyond(streets: gpd.GeoDataFrame, cells: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Return of each street what lies in no cell."""
    polygons, lines = cells.geometry.to_numpy(), streets.geometry.to_numpy().copy()
    street, cell = shapely.STRtree(polygons).query(lines, predicate="intersects")
    for number, touched in pd.Series(cell).groupby(street):
        lines[number] = shapely.difference(lines[number], shapely.union_all(polygons[touched.to_numpy()]))
    return gpd.GeoSeries(lines, index=streets.index, crs=streets.crs)


def repairs(view: ProjectView) -> gpd.GeoDataFrame:
    """Return what imports mended or left out, most area first."""
    frame = view.layer("repair") if has_rows(view, "repair") else empty_frame("repair", view.project.epsg)
    order = ["moved_area_m2", "source", "row"]
    return frame.sort_values(order, ascending=[False, True, True], kind="stable", ignore_index=True)


MISPLACED = ("datum_shift", "far_away", "outside_crs_area")
"""Findings which say that a whole layer may lie in a wrong place."""


def import_rows(view: ProjectView) -> list[dict[str, Any]]:
    """Return of each file that the layers hold: layer, file, features read and left out, and the area that repair moved.

    A layer holds its newest imports up to the number of its rows; those before were replaced.
    """
    counts = {
        kind: len(rows_of(view, kind)) for kind in ("community", "facility", "street", "incident", "building", "team")
    }
    zonings = rows_of(view, "zoning")
    cells, names = {}, {}
    if len(zonings):
        cells = dict(zip(zonings["zoning_id"], zonings["cells"], strict=True))
        names = dict(zip(zonings["zoning_id"], zonings["name"], strict=True))
    rows: list[dict[str, Any]] = []
    for report in reversed(view.reports.get("import") or []):
        held = cells if report["kind"] == "zoning" else counts
        key = report["zoning_id"] if report["kind"] == "zoning" else report["kind"]
        if held.get(key, 0) <= 0:
            continue
        held[key] -= report["rows_stored"]
        title: Phrase = verbatim(names[key]) if report["kind"] == "zoning" else label("table", key)
        findings = [row for row in list_findings(report, view.project.epsg) if row["severity"] != "note"]
        rows.append(
            {
                "title": title,
                "source": report["source"],
                "read": report["rows_read"],
                "left_out": report["rows_read"] - report["rows_stored"],
                "moved_m2": report["moved_area_m2"],
                "findings": findings,
                "misplaced": [row for row in findings if row["code"] in MISPLACED],
            }
        )
    return rows[::-1]


def left_out(view: ProjectView) -> int:
    """Return how many features imports left out, those without a place as well."""
    placed = repairs(view)["is_left_out"].sum()
    return max(int(placed), sum(int(row["left_out"]) for row in import_rows(view)))


def is_stale(view: ProjectView) -> bool:
    """Return whether a layer was imported after the grids were unified."""
    imported, unified = _last(view, "import").get("created_at"), _last(view, "unify").get("created_at")
    return imported is not None and unified is not None and imported > unified


def _last(view: ProjectView, step: str) -> dict[str, Any]:
    return (view.reports.get(step) or [{}])[-1]
