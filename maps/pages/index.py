"""The page 总览: the figures of every step at a glance, and a map of the area."""

from __future__ import annotations

from typing import Any

from geo.model.view import ProjectView
from maps.base import community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.pages.conflicts import conflict_totals, disputed_area
from maps.pages.facilities import cell_outlines
from maps.pages.health_places import troubles
from maps.pages.network import network_figures
from maps.pages.risk import top_cells
from maps.pages.routes import balance_figures
from maps.palette import RISK_FILLS, TEAM_COLOURS, ZONING_STROKES, cycle
from maps.scene import Scene, extent_of, has_rows, records, rows_of
from maps.wording import phrase

LISTED_CELLS = 5
LISTED_TEAMS = 12


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the overview."""
    layers = [*community_layer(view, encoder, tinted=True), *street_layer(view, encoder)]
    if has_rows(view, "unified_cell"):
        layers.append(cell_outlines(view, encoder))
    layers.extend(label_layer(view, encoder))
    empty = None
    if extent_of(view) is None:
        empty = phrase("This project holds no layers yet. Start with the step “Import” (import).")
    return Scene("index", layers, _context(view), empty)


def _context(view: ProjectView) -> dict[str, Any]:
    unified = rows_of(view, "unified_cell")
    totals = conflict_totals(view)
    return {
        "zonings": _zonings(view),
        "communities": len(rows_of(view, "community")),
        "cells": len(unified),
        "area_m2": float(unified["area_m2"].sum()) if len(unified) else 0.0,
        "conflicts": sum(row["count"] for row in totals),
        "disputed_m2": disputed_area(view),
        "totals": totals,
        "attention": len(troubles(view)) if len(unified) else None,
        "facilities": len(rows_of(view, "facility")),
        "facility_kinds": int(rows_of(view, "facility")["kind"].nunique()) if has_rows(view, "facility") else 0,
        "network": network_figures(view),
        "balance": balance_figures(view),
        "teams": _teams(view),
        "top": [{**row, "colour": _risk_colour(row["risk_score"])} for row in top_cells(view, LISTED_CELLS)],
        "incidents": len(rows_of(view, "incident")),
    }


def _zonings(view: ProjectView) -> list[dict[str, Any]]:
    if not has_rows(view, "zoning"):
        return []
    rows = records(view.frames["zoning"])
    largest = max(int(row["cells"]) for row in rows) or 1
    return [
        {**row, "colour": ZONING_STROKES[place % len(ZONING_STROKES)][0], "load": int(row["cells"]) / largest}
        for place, row in enumerate(rows)
    ]


def _teams(view: ProjectView) -> list[dict[str, Any]]:
    """Return the routes with the share of the longest duration that each takes."""
    if not has_rows(view, "route"):
        return []
    frame = view.frames["route"].sort_values("route_no")
    longest_s = float(frame["duration_s"].max()) or 1.0
    rows = [
        {**row, "colour": cycle(TEAM_COLOURS, place), "load": float(row["duration_s"]) / longest_s}
        for place, row in enumerate(records(frame))
    ]
    return rows[:LISTED_TEAMS]


def _risk_colour(score: float) -> str:
    return RISK_FILLS[min(int(score * len(RISK_FILLS)), len(RISK_FILLS) - 1)]
