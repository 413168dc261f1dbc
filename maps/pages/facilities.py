"""The page 设施: every kind of facility as a clustered layer with its own icon."""

from __future__ import annotations

from typing import Any

from geo.model.frames import FACILITY_KINDS
from geo.model.view import ProjectView
from maps.base import community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.labels import label
from maps.palette import FACILITY_ICONS
from maps.scene import MapLayer, Popup, Scene, Swatch, area_layer, column, has_rows, rows_of
from maps.wording import Phrase, phrase


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the facilities."""
    layers = [*community_layer(view, encoder, tinted=True), *street_layer(view, encoder)]
    if has_rows(view, "unified_cell"):
        layers.append(cell_outlines(view, encoder))
    facilities = facility_layers(view, encoder, show=True, group=phrase("Facilities"))
    layers.extend(facilities)
    layers.extend(label_layer(view, encoder))
    empty = None
    if not facilities:
        empty = phrase(
            "No facilities yet. Run the step “Import” (import) with cameras, schools, police rooms and others."
        )
    frame = rows_of(view, "facility")
    outside = int(frame["cell_code"].isna().sum()) if len(frame) and has_rows(view, "unified_cell") else 0
    kinds = [
        {
            "kind": kind,
            "count": int((frame["kind"] == kind).sum()),
            "icon": icon_swatch(kind),
            "key": f"facility-{kind}",
        }
        for kind in FACILITY_KINDS
        if len(frame) and (frame["kind"] == kind).any()
    ]
    kinds.sort(key=lambda row: -int(str(row["count"])))
    context: dict[str, Any] = {"total": len(frame), "kinds": kinds, "outside": outside}
    context["largest"] = max((int(str(row["count"])) for row in kinds), default=1)
    return Scene("facilities", layers, context, empty)


def cell_outlines(view: ProjectView, encoder: Encoder) -> MapLayer:
    """Return the unified cells as quiet outlines that do not react."""
    frame = view.layer("unified_cell")
    return area_layer(
        "outlines",
        frame,
        encoder,
        {"color": "#35536e", "weight": 1.2, "opacity": 0.7, "fillOpacity": 0},
        title=phrase("Unified grid"),
        swatch=Swatch("fill", "transparent", border="#35536e"),
        count=len(frame),
        group=phrase("Base map"),
    )


def icon_swatch(kind: str) -> Swatch:
    """Return the icon of a kind of facility."""
    colour, path = FACILITY_ICONS[kind]
    return Swatch("icon", colour, path=path)


def facility_layers(view: ProjectView, encoder: Encoder, *, show: bool, group: Phrase) -> list[MapLayer]:
    """Return one clustered layer for each kind of facility that occurs."""
    if not has_rows(view, "facility"):
        return []
    frame = view.layer("facility")
    layers = []
    for kind in FACILITY_KINDS:
        part = frame[frame["kind"] == kind]
        if len(part) == 0:
            continue
        colour, path = FACILITY_ICONS[kind]
        rows = (
            (phrase("Code"), "code", "text"),
            (phrase("Address"), "address", "text"),
            (phrase("Unified cell"), "cell", "text"),
        )
        payload = {
            "at": encoder.points(part.geometry),
            "colour": colour,
            "icon": path,
            "columns": {
                "name": column(list(part["name"])),
                "code": column(list(part["code"])),
                "address": column(list(part["address"])),
                "cell": column(list(part["cell_code"])),
            },
            "popup": Popup("name", rows, label("facility", kind)).as_json(),
        }
        title = label("facility", kind)
        layers.append(
            MapLayer(f"facility-{kind}", "markers", payload, title, icon_swatch(kind), len(part), show, group)
        )
    return layers
