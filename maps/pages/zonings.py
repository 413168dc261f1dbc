"""The page 部门网格: each department's zoning in its own line over the unified grid."""

from __future__ import annotations

from typing import Any

from geo.model.view import ProjectView
from maps.base import community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.labels import label
from maps.pages.unified import unified_layer
from maps.palette import ZONING_STROKES
from maps.scene import MapLayer, Popup, Scene, Swatch, area_layer, has_rows, records, rows_of
from maps.wording import phrase, verbatim


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the departments' zonings."""
    layers = [*community_layer(view, encoder, tinted=False), *street_layer(view, encoder)]
    zonings = _zoning_rows(view)
    if has_rows(view, "unified_cell"):
        layers.append(unified_layer(view, encoder, plain=True, group=phrase("Result"), show=True))
    layers.extend(_zoning_layer(view, encoder, row) for row in zonings)
    layers.extend(label_layer(view, encoder))
    empty = None
    if not zonings:
        empty = phrase("No department grid yet. Run the step “Import” (import) with the zonings of the departments.")
    return Scene("zonings", layers, {"zonings": zonings, "unified": len(rows_of(view, "unified_cell"))}, empty)


def _zoning_rows(view: ProjectView) -> list[dict[str, Any]]:
    """Return the zonings that have cells, each with its colour and dash."""
    if not has_rows(view, "zoning", "cell"):
        return []
    counts = view.frames["cell"]["zoning_id"].value_counts()
    rows = []
    for place, row in enumerate(records(view.frames["zoning"])):
        colour, dash = ZONING_STROKES[place % len(ZONING_STROKES)]
        number = int(counts.get(row["zoning_id"], 0))
        if number:
            rows.append({**row, "cells": number, "colour": colour, "dash": dash, "key": f"zoning-{place}"})
    return rows


def _zoning_layer(view: ProjectView, encoder: Encoder, row: dict[str, Any]) -> MapLayer:
    cells = view.layer("cell")
    part = cells[cells["zoning_id"] == row["zoning_id"]]
    rows = (
        (phrase("Code"), "code", "text"),
        (phrase("Community"), "community", "text"),
        (phrase("Department"), "domain", "text"),
    )
    return area_layer(
        row["key"],
        part,
        encoder,
        {"color": row["colour"], "weight": 2.4, "opacity": 0.95, "dash": row["dash"], "fill": row["colour"],
         "fillOpacity": 0.0},
        columns={
            "code": list(part["code"]),
            "name": list(part["name"]),
            "community": list(part["community_name"]),
            "domain": [label("domain", row["domain"])] * len(part),
        },
        popup=Popup("name", rows, verbatim(row["name"])),
        title=verbatim(row["name"]),
        swatch=Swatch("line", row["colour"], dash=row["dash"]),
        count=len(part),
        group=phrase("Department grids"),
    )  # fmt: skip
