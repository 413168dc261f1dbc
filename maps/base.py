"""The base map of every page: the user's own communities and streets, and their names."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd

from geo.model.frames import ROAD_CLASSES
from geo.model.view import ProjectView
from maps.encoding import Encoder, index_values
from maps.palette import COMMUNITY_FILLS, STREET_STYLES, cycle, street_style_list
from maps.scene import MapLayer, Swatch, area_layer, has_rows
from maps.wording import phrase


def community_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a fill for each community, by order of its name so that every page uses the same."""
    return {name: cycle(COMMUNITY_FILLS, place) for place, name in enumerate(sorted(set(names)))}


def street_classes(frame: gpd.GeoDataFrame) -> list[int]:
    """Return the place of each street's class in the order of classes."""
    places = {name: place for place, name in enumerate(ROAD_CLASSES)}
    return [places[name] for name in frame["road_class"]]


def street_layer(view: ProjectView, encoder: Encoder) -> list[MapLayer]:
    """Return the streets as a map sheet, drawn by class with casing; nothing when there are none."""
    if not has_rows(view, "street"):
        return []
    frame = view.layer("street")
    names, name_of = index_values([name or "" for name in frame["name"].fillna("")])
    payload = {
        "lines": encoder.lines(frame.geometry),
        "class": street_classes(frame),
        "styles": street_style_list(STREET_STYLES),
        "names": names,
        "name": name_of,
    }
    swatch = Swatch("line", "#ffffff", border="#bfb8aa")
    return [MapLayer("streets", "sheet", payload, phrase("Streets"), swatch, len(frame), group=phrase("Base map"))]


def community_layer(view: ProjectView, encoder: Encoder, *, tinted: bool) -> list[MapLayer]:
    """Return the communities as quiet areas, coloured or plain paper; nothing when there are none."""
    if not has_rows(view, "community"):
        return []
    frame = view.layer("community")
    colours = community_colours(list(frame["name"]))
    palette = sorted(set(colours.values())) if tinted else ["#fbfaf7"]
    shade = [palette.index(colours[name]) if tinted else 0 for name in frame["name"]]
    style = {"color": "#8b8577", "weight": 1.2, "opacity": 0.9, "fillOpacity": 0.45 if tinted else 1.0}
    layer = area_layer(
        "communities",
        frame,
        encoder,
        style,
        shades=(palette, shade),
        title=phrase("Communities"),
        swatch=Swatch("fill", palette[0], border="#8b8577"),
        count=len(frame),
        group=phrase("Base map"),
    )
    return [layer]


def label_layer(
    view: ProjectView, encoder: Encoder, extra: Sequence[tuple[gpd.GeoDataFrame, str, int]] = ()
) -> list[MapLayer]:
    """Return the names on the map: communities, and further areas with their column and smallest zoom.

    Street names come with the sheet of the streets.
    """
    groups = []
    if has_rows(view, "community"):
        groups.append((view.layer("community"), "name", 0))
    groups.extend(extra)
    payload = [
        {
            "at": encoder.points(frame.geometry.representative_point()),
            "text": [str(text) for text in frame[column].fillna("")],
            "zoom": zoom,
            "major": place == 0 and zoom == 0,
        }
        for place, (frame, column, zoom) in enumerate(groups)
    ]
    if not payload:
        return []
    return [
        MapLayer("labels", "labels", {"groups": payload}, phrase("Names"), Swatch("none"), group=phrase("Base map"))
    ]
