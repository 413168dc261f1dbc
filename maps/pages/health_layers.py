"""The layers of the page 覆盖体检: areas and places that answer, each kind in its colour."""

from __future__ import annotations

from typing import Any

import geopandas as gpd

from maps.encoding import Encoder
from maps.palette import HEALTH_COLOURS
from maps.scene import MapLayer, Popup, Swatch, area_layer, column
from maps.wording import Phrase, phrase


def named_popup(kicker: Phrase, *rows: tuple[Phrase, str, str]) -> Popup:
    """Return a popup whose title is the column ``name``."""
    return Popup("name", rows, kicker)


def trouble_areas(
    key: str, frame: gpd.GeoDataFrame, encoder: Encoder, columns: dict[str, Any], popup: Popup, title: Phrase
) -> list[MapLayer]:
    """Return a layer of areas; nothing when there are none. Dissolved slivers are off at first."""
    if frame.empty:
        return []
    colour = HEALTH_COLOURS[key]
    layer = area_layer(
        key,
        frame,
        encoder,
        {"color": colour, "weight": 1.6, "opacity": 0.95, "fill": colour, "fillOpacity": 0.5},
        columns=columns,
        popup=popup,
        title=title,
        swatch=Swatch("fill", colour, border=colour),
        count=len(frame),
        group=phrase("Coverage health"),
        show=key != "sliver",
    )
    return [layer]


def trouble_dots(
    key: str, frame: gpd.GeoDataFrame, encoder: Encoder, columns: dict[str, Any], popup: Popup, title: Phrase
) -> list[MapLayer]:
    """Return a layer of single places; nothing when there are none."""
    if frame.empty:
        return []
    payload = {
        "at": encoder.points(frame.geometry.representative_point()),
        "colour": HEALTH_COLOURS[key],
        "columns": {name: column(values) for name, values in columns.items()},
        "popup": popup.as_json(),
    }
    swatch, group = Swatch("dot", HEALTH_COLOURS[key]), phrase("Coverage health")
    return [MapLayer(key, "places", payload, title, swatch, len(frame), group=group)]
