"""Colours, dashes and icons: one calm scheme for all pages."""

from __future__ import annotations

from geo.model.frames import ROAD_CLASSES

COMMUNITY_FILLS = (
    "#8fb8de", "#f2c48d", "#a5cfa3", "#d9b3d6", "#efe09a", "#97d0cf",
    "#e8a9a0", "#b9c2e8", "#c9d79b", "#e3c1ab", "#a9c7b8", "#d3c6a6",
)  # fmt: skip
ZONING_STROKES = (
    ("#1f6fb2", ""), ("#c2561a", "9 5"), ("#2b8a5a", "3 5"), ("#8e44ad", "12 4 3 4"),
    ("#a87c00", "6 4"), ("#00838f", "2 4"), ("#c2185b", "14 6"), ("#5d4037", "8 3 2 3 2 3"),
)  # fmt: skip
TEAM_COLOURS = (
    "#1f6fb2", "#d1495b", "#2b8a5a", "#8e5ea2", "#c07f00", "#00838f",
    "#a0522d", "#4b5fc0", "#6b8e23", "#c2185b", "#37627e", "#7a4f9a",
)  # fmt: skip
CONFLICT_COLOURS = {
    "border": "#c2410c",
    "straddle": "#b7791f",
    "gap": "#1d5fd0",
    "overlap": "#a21caf",
    "unassigned": "#52606d",
}
HEALTH_COLOURS = {
    "small": "#8e44ad",
    "sliver": "#00838f",
    "building": "#a0522d",
    "facility": "#c2185b",
    "street": "#d6213a",
    "left-out": "#7d1128",
    "repair": "#4b5fc0",
}
RISK_FILLS = ("#fff3c4", "#fdd784", "#fba94c", "#ef6c33", "#c8321f", "#8b1220")
HEAT_RAMP = ("#fff3c400", "#ffe28ab0", "#fdb863d0", "#f0743ae0", "#cf2f27ec", "#7f0d24f2")
"""Colours with opacity from no intensity to the highest."""

STREET_STYLES = {
    "motorway": ("#f3b56b", "#c9812f", 11.0),
    "trunk": ("#f7c98a", "#cf9a53", 10.0),
    "primary": ("#fbe3a6", "#d0b26a", 9.0),
    "secondary": ("#ffffff", "#bfb8aa", 7.5),
    "residential": ("#ffffff", "#cfc9bd", 5.5),
    "lane": ("#ffffff", "#dad5ca", 3.4),
    "pedestrian": ("#efe7da", "#d8cdb9", 2.6),
}
"""Road class → fill, casing, width in px at zoom 16."""

NETWORK_STYLES = {
    "motorway": ("#b3541e", "", 6.0),
    "trunk": ("#d07a2d", "", 5.4),
    "primary": ("#d9a11e", "", 4.8),
    "secondary": ("#4f8f4a", "", 4.0),
    "residential": ("#3f7fb0", "", 3.0),
    "lane": ("#7da3bd", "", 2.0),
    "pedestrian": ("#9b86b8", "", 1.8),
}

_SAFETY, _LEARNING, _CARE, _FIRE = "#1f5fa8", "#c77700", "#c2413b", "#d9480f"
_TRAVEL, _TRADE, _PUBLIC, _GREEN, _PLAIN = "#00798c", "#7b4fa3", "#a61e22", "#2f8f4e", "#5b6770"

FACILITY_ICONS = {
    "camera": (_SAFETY, "M3 6h9v6H3zM12 8l4-2v6l-4-2M5 12v3h3"),
    "school": (_LEARNING, "M2 8l7-4 7 4-7 4zM5 10v4c2 2 6 2 8 0v-4M16 8v5"),
    "kindergarten": (_LEARNING, "M9 4a2.4 2.4 0 1 0 .01 0M5 15c0-5 8-5 8 0M3 8l3 3M15 8l-3 3"),
    "police_station": (_SAFETY, "M9 2.5l6 2v4.5c0 3.5-2.5 5.5-6 6.5-3.5-1-6-3-6-6.5V4.5zM6.5 8.5l2 2 3.5-3.5"),
    "police_room": (_SAFETY, "M9 2.5l6 2v4.5c0 3.5-2.5 5.5-6 6.5-3.5-1-6-3-6-6.5V4.5z"),
    "governance_centre": (_PUBLIC, "M3 15h12M4 15V8M9 15V8M14 15V8M2.5 8L9 3.5 15.5 8z"),
    "hydrant": (_FIRE, "M6 15V8a3 3 0 0 1 6 0v7M4.5 15h9M4 10.5h2M12 10.5h2M9 5V3"),
    "hospital": (_CARE, "M9 3.5v11M3.5 9h11"),
    "bus_stop": (_TRAVEL, "M4 4h10v9H4zM4 9h10M6 13v2M12 13v2"),
    "rail_station": (_TRAVEL, "M5 3.5h8v8a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2zM5 8.5h8M7 13.5l-2 2M11 13.5l2 2"),
    "market": (_TRADE, "M3 7l1.5-3.5h9L15 7zM4 7v8h10V7M7.5 15v-4h3v4"),
    "party_service": (_PUBLIC, "M9 3l1.8 4 4.2.4-3.2 2.8 1 4.3L9 12.2 5.2 14.5l1-4.3L3 7.4 7.2 7z"),
    "elder_care": (_CARE, "M9 15S3 11 3 7.2a3 3 0 0 1 6-1 3 3 0 0 1 6 1C15 11 9 15 9 15z"),
    "park": (_GREEN, "M9 2.5L4.5 8H7l-3.5 4h11L11 8h2.5zM9 12v3.5"),
    "substation": (_PLAIN, "M10 2.5L5 10h4l-1 5.5L13 8H9z"),
    "bank": (_TRADE, "M3 14.5h12M3 7l6-3.5L15 7zM5 7v7M13 7v7M9 9v3"),
    "fuel_station": (_PLAIN, "M4 15V4h6v11M3 15h8M5.5 6.5h3M10 9h2v4h2V7l-2-2"),
    "government": (_PUBLIC, "M4 15V6h10v9M4 6l5-3 5 3M7 9h1M10 9h1M7 12h1M10 12h1M3 15h12"),
    "fire_station": (_FIRE, "M9 2.5c1 3 4.5 4.5 4.5 8a4.5 4.5 0 0 1-9 0c0-2 1-3 2-4 .3 1.5 1 2 1.5 2 .8-2 0-4 1-6z"),
    "shelter": (_GREEN, "M2.5 14.5L9 4l6.5 10.5zM9 9v5.5"),
    "other": (_PLAIN, "M9 5.5a3.5 3.5 0 1 0 .01 0"),
}
"""Facility kind → colour, path of its icon on an 18 × 18 grid, drawn as a line."""


def street_style_list(styles: dict[str, tuple[str, str, float]]) -> list[list[str | float]]:
    """Return styles in the order of the road classes, as pages embed them."""
    return [list(styles[road_class]) for road_class in ROAD_CLASSES]


def cycle(colours: tuple[str, ...], place: int) -> str:
    """Return a colour by place, starting again after the last."""
    return colours[place % len(colours)]
