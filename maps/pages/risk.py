"""The page 热力: where incidents are dense, month by month, and which cells rank highest."""

from __future__ import annotations

from typing import Any

from geo.model.view import ProjectView
from maps.base import community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.pages.facilities import cell_outlines
from maps.palette import HEAT_RAMP, RISK_FILLS
from maps.scene import MapLayer, Popup, Scene, Swatch, area_layer, has_rows, records, rows_of
from maps.surface import ALL_PERIODS, surface_payload
from maps.wording import phrase

LISTED_CELLS = 20
M2_PER_HECTARE = 10_000


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the risk."""
    layers = [*community_layer(view, encoder, tinted=False), *street_layer(view, encoder)]
    surface: dict[str, Any] = {}
    cells = has_rows(view, "risk_cell")
    if cells:
        layers.append(risk_cell_layer(view, encoder, show=not has_rows(view, "risk_surface")))
    if has_rows(view, "risk_surface"):
        surface = surface_payload(view.layer("risk_surface"), encoder)
        payload = {**surface, "ramp": list(HEAT_RAMP)}
        swatch = Swatch("fill", HEAT_RAMP[3][:7], border=HEAT_RAMP[4][:7])
        layers.append(
            MapLayer("surface", "heat", payload, phrase("Intensity of incidents"), swatch, group=phrase("Risk"))
        )
    if has_rows(view, "unified_cell"):
        layers.append(cell_outlines(view, encoder))
    layers.extend(label_layer(view, encoder))
    empty = None
    if not cells and not surface:
        empty = phrase("No risk assessment yet. Import the incidents, then run the step “Assess risk” (risk).")
    return Scene("risk", layers, _context(view, surface), empty, _notes() if cells else ())


def _notes() -> tuple[tuple[Swatch, Any], ...]:
    """Return the classes of the ranked cells: equal steps of the score."""
    size = len(RISK_FILLS)
    return tuple(
        (
            Swatch("fill", colour, border="#7a5a3a"),
            phrase("Score {low}–{high}", low=f"{place / size:.2f}", high=f"{(place + 1) / size:.2f}"),
        )
        for place, colour in enumerate(RISK_FILLS)
    )


def risk_cell_layer(view: ProjectView, encoder: Encoder, *, show: bool) -> MapLayer:
    """Return the cells coloured by their risk score."""
    frame = view.layer("risk_cell").sort_values("rank")
    names = _cell_names(view)
    shade = [min(int(score * len(RISK_FILLS)), len(RISK_FILLS) - 1) for score in frame["risk_score"]]
    rows = (
        (phrase("Code"), "code", "text"),
        (phrase("Rank"), "rank", "count"),
        (phrase("Incidents"), "incidents", "count"),
        (phrase("Risk (0–1)"), "score", "text"),
        (phrase("Weighted intensity (recent counts more)"), "intensity", "intensity"),
    )
    return area_layer(
        "risk-cells",
        frame,
        encoder,
        {"color": "#7a5a3a", "weight": 0.8, "opacity": 0.8, "fillOpacity": 0.72},
        columns={
            "name": [names.get(code, code) for code in frame["cell_code"]],
            "code": list(frame["cell_code"]),
            "rank": list(frame["rank"]),
            "incidents": list(frame["incidents"]),
            "intensity": [round(value * M2_PER_HECTARE, 3) for value in frame["intensity_per_m2"]],
            "score": [f"{score:.2f}" for score in frame["risk_score"]],
        },
        popup=Popup("name", rows, phrase("Risk by cell")),
        shades=(RISK_FILLS, shade),
        title=phrase("Risk by cell"),
        swatch=Swatch("fill", RISK_FILLS[3], border="#7a5a3a"),
        count=len(frame),
        show=show,
        group=phrase("Risk"),
    )


def _cell_names(view: ProjectView) -> dict[str, str]:
    frame = rows_of(view, "unified_cell")
    return dict(zip(frame["code"], frame["name"], strict=True)) if len(frame) else {}


def top_cells(view: ProjectView, number: int) -> list[dict[str, Any]]:
    """Return the cells that rank highest, with their names."""
    if not has_rows(view, "risk_cell"):
        return []
    names = _cell_names(view)
    frame = view.frames["risk_cell"].sort_values("rank").head(number)
    return [
        {**row, "place": place, "name": names.get(row["cell_code"], row["cell_code"]),
         "per_hectare": f"{row['intensity_per_m2'] * M2_PER_HECTARE:,.2f}"}
        for place, row in enumerate(records(frame))
    ]  # fmt: skip


def _context(view: ProjectView, surface: dict[str, Any]) -> dict[str, Any]:
    periods = surface.get("periods", [])
    top = surface.get("top", [])
    monthly = [value for period, value in zip(periods, top, strict=True) if period != ALL_PERIODS]
    whole = [value for period, value in zip(periods, top, strict=True) if period == ALL_PERIODS]
    report = (view.reports.get("risk") or [{}])[-1]
    incidents = len(rows_of(view, "incident")) or int(report.get("incidents", 0))
    return {
        "top": top_cells(view, LISTED_CELLS),
        "periods": periods,
        "incidents": incidents,
        "ramp": [colour[:7] for colour in HEAT_RAMP],
        "whole_max": f"{whole[0] * M2_PER_HECTARE:,.2f}" if whole else "",
        "month_max": f"{max(monthly) * M2_PER_HECTARE:,.2f}" if monthly else "",
        "bandwidth_m": report.get("bandwidth_m"),
        "half_life_days": report.get("half_life_days"),
        "first": str(report.get("first_at", ""))[:10],
        "last": str(report.get("last_at", ""))[:10],
    }
