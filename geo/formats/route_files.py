"""Routes as handhelds, globes and maps take them: GPX, KML and GeoJSON, of one route or of all of a plan.

Longitude and latitude of WGS 84 only here. Names and instructions are Chinese, then English.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gpxpy.gpx
import numpy as np
from pyproj import Transformer

from geo.formats.kml import without_controls, xml_text
from geo.model.crs import WGS84_EPSG
from geo.model.itinerary import Instruction, Itinerary, clock
from geo.model.itinerary_text import action_phrase, details, headline, say, sentence

LonLat = tuple[float, float]

_COLOURS = ("1f6fb2", "d1495b", "2b8a5a", "8e5ea2", "c07f00", "00838f", "a0522d", "4b5fc0")
_GREY = "8a94a0"


@dataclass(frozen=True)
class _Told:
    """An instruction with its places in degrees."""

    instruction: Instruction
    way: tuple[LonLat, ...]
    place: LonLat


def _told(itinerary: Itinerary) -> list[_Told]:
    transformer = Transformer.from_crs(itinerary.epsg, WGS84_EPSG, always_xy=True)

    def degrees(places: Sequence[tuple[float, float]]) -> tuple[LonLat, ...]:
        lon, lat = transformer.transform(*np.array(places, dtype=np.float64).T)
        return tuple((round(float(x), 7), round(float(y), 7)) for x, y in zip(lon, lat, strict=True))

    told = []
    for instruction in itinerary.instructions:
        way = degrees(instruction.way)
        visit = instruction.visit
        told.append(_Told(instruction, way, degrees([(visit.x, visit.y)])[0] if visit else way[0]))
    return told


def _title(itinerary: Itinerary) -> str:
    return f"{itinerary.team} {clock(itinerary.start_s)}-{clock(itinerary.end_s)}"


def _both(instruction: Instruction) -> str:
    return f"{sentence(instruction, 'zh')}\n{sentence(instruction, 'en')}"


def _name(instruction: Instruction) -> str:
    """Return the short name of a place on the route."""
    visit = instruction.visit
    if visit is not None:
        return f"{visit.sequence}. {visit.name} {clock(instruction.start_s)}"
    return say(headline(instruction), "zh")


def _what(instruction: Instruction) -> str:
    """Return action, way and time in a few words: ``巡防 Patrol 120 m 08:00``."""
    action = action_phrase(instruction)
    way = f"{instruction.length_m:.0f} m " if instruction.arcs else ""
    return f"{say(action, 'zh')} {action} {way}{clock(instruction.start_s)}"


def routes_gpx(itineraries: Sequence[Itinerary]) -> str:
    """Return routes as GPX 1.1.

    Of each route: a track, one segment a leg; a route (``rte``) with a point at each instruction; waypoints for its visits,
    of the type of the facility, and for its turns, of type ``turn``.

    Parameters
    ----------
    itineraries
        At least one.
    """
    gpx = gpxpy.gpx.GPX()
    gpx.creator = "yiwang"
    gpx.name = without_controls("；".join(_title(itinerary) for itinerary in itineraries[:3]))
    for itinerary in itineraries:
        name = without_controls(_title(itinerary))
        track, turns = gpxpy.gpx.GPXTrack(name=name), gpxpy.gpx.GPXRoute(name=name)
        track.number = turns.number = itinerary.route_no
        gpx.tracks.append(track)
        gpx.routes.append(turns)
        for told in _told(itinerary):
            instruction = told.instruction
            if len(told.way) > 1:
                points = [gpxpy.gpx.GPXTrackPoint(lat, lon) for lon, lat in told.way]
                track.segments.append(gpxpy.gpx.GPXTrackSegment(points))
            lon, lat = told.way[0]
            text: dict[str, Any] = {
                "name": without_controls(_name(instruction)),
                "comment": _what(instruction),
                "description": without_controls(_both(instruction)),
            }
            turns.points.append(gpxpy.gpx.GPXRoutePoint(lat, lon, **text))
            lon, lat = told.place
            if instruction.visit is not None:
                gpx.waypoints.append(
                    gpxpy.gpx.GPXWaypoint(lat, lon, symbol="Flag, Blue", type=instruction.visit.kind, **text)
                )
            elif instruction.action in ("patrol", "pass") and instruction.manoeuvre != "continue":
                gpx.waypoints.append(gpxpy.gpx.GPXWaypoint(lat, lon, symbol="Dot", type="turn", **text))
    return str(gpx.to_xml(version="1.1"))


def routes_geojson(itineraries: Sequence[Itinerary]) -> str:
    """Return routes as an RFC 7946 FeatureCollection: a line for each leg, a point for each visit, in order.

    Properties are the figures of the instruction and its texts, ``…_zh`` and ``…_en``.

    Parameters
    ----------
    itineraries
        Of one or several routes.
    """
    features = []
    for itinerary in itineraries:
        for told in _told(itinerary):
            if told.instruction.action == "finish":
                continue
            line = len(told.way) > 1
            geometry = {
                "type": "LineString" if line else "Point",
                "coordinates": [list(place) for place in told.way] if line else list(told.place),
            }
            properties = _properties(itinerary, told.instruction)
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def _properties(itinerary: Itinerary, instruction: Instruction) -> dict[str, Any]:
    action = action_phrase(instruction)
    properties: dict[str, Any] = {
        "route_no": itinerary.route_no,
        "team": itinerary.team,
        "number": instruction.number,
        "manoeuvre": instruction.manoeuvre,
        "action": instruction.action,
        "action_zh": say(action, "zh"),
        "action_en": say(action, "en"),
        "instruction_zh": say(headline(instruction), "zh"),
        "instruction_en": say(headline(instruction), "en"),
        "details_zh": "；".join(say(detail, "zh").rstrip("。") for detail in details(instruction)),
        "details_en": "; ".join(say(detail, "en").rstrip(".") for detail in details(instruction)),
        "street": instruction.street,
        "road_class": instruction.road_class,
        "heading": instruction.heading,
        "length_m": round(instruction.length_m, 2),
        "clock_start": clock(instruction.start_s),
        "clock_end": clock(instruction.end_s),
        "start_s": round(instruction.start_s, 2),
        "end_s": round(instruction.end_s, 2),
        "wait_s": round(instruction.wait_s, 2),
    }
    visit = instruction.visit
    if visit is not None:
        window = visit.window or (None, None)
        properties |= {
            "sequence": visit.sequence,
            "code": visit.code,
            "facility": visit.name,
            "kind": visit.kind,
            "service_duration_s": visit.service_duration_s,
            "window_start_s": window[0],
            "window_end_s": window[1],
        }
    return properties


def routes_kml(itineraries: Sequence[Itinerary], title: str) -> str:
    """Return routes as KML 2.2: two folders a route, its legs as styled lines and its visits as numbered placemarks.

    Patrolled streets are broad and in the colour of the route, others thin and grey; no icon is fetched from anywhere.

    Parameters
    ----------
    itineraries
        Of one or several routes.
    title
        Name of the document.
    """
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">\n<Document>\n',
        f"<name>{xml_text(title)}</name>\n",
        _line_style("pass", _GREY, 2.5),
    ]
    for itinerary in itineraries:
        colour = _COLOURS[(itinerary.route_no - 1) % len(_COLOURS)]
        parts += [_line_style(f"patrol{itinerary.route_no}", colour, 5), _place_style(itinerary.route_no, colour)]
    for itinerary in itineraries:
        name = xml_text(f"{itinerary.route_no:02d} {_title(itinerary)}")
        told = _told(itinerary)
        legs = [_placemark(one, itinerary) for one in told if len(one.way) > 1]
        stays = [_placemark(one, itinerary) for one in told if one.instruction.visit is not None]
        parts.append(f"<Folder>\n<name>{name} 路段 legs</name>\n{''.join(legs)}</Folder>\n")
        if stays:
            parts.append(f"<Folder>\n<name>{name} 到点 visits</name>\n{''.join(stays)}</Folder>\n")
    return "".join([*parts, "</Document>\n</kml>\n"])


def _line_style(key: str, colour: str, width: float) -> str:
    return (
        f'<Style id="{key}"><LineStyle><color>{_kml_colour(colour)}</color><width>{width}</width></LineStyle></Style>\n'
    )


def _place_style(route_no: int, colour: str) -> str:
    shade = _kml_colour(colour)
    return (
        f'<Style id="visit{route_no}"><IconStyle><color>{shade}</color><scale>1.1</scale></IconStyle>'
        "<LabelStyle><scale>0.9</scale></LabelStyle></Style>\n"
    )


def _kml_colour(colour: str) -> str:
    """Return ``rrggbb`` as KML wants it: opacity, blue, green, red."""
    return f"ff{colour[4:]}{colour[2:4]}{colour[:2]}"


def _placemark(told: _Told, itinerary: Itinerary) -> str:
    instruction = told.instruction
    if instruction.visit is not None:
        style, geometry = f"visit{itinerary.route_no}", "<Point>{}</Point>"
        places: Sequence[LonLat] = [told.place]
    else:
        style = "pass" if instruction.action == "pass" else f"patrol{itinerary.route_no}"
        geometry, places = "<LineString><tessellate>1</tessellate>{}</LineString>", told.way
    coordinates = " ".join(f"{lon:.7f},{lat:.7f}" for lon, lat in places)
    fields = "".join(
        f'<Data name="{key}"><value>{xml_text(value)}</value></Data>'
        for key, value in _properties(itinerary, instruction).items()
        if value is not None and value != ""
    )
    name = _name(instruction) if instruction.visit else f"{instruction.number}. {_name(instruction)}"
    return (
        f"<Placemark><name>{xml_text(name)}</name>"
        f"<description>{xml_text(_what(instruction) + chr(10) + _both(instruction))}</description>"
        f"<styleUrl>#{style}</styleUrl><ExtendedData>{fields}</ExtendedData>"
        f"{geometry.format(f'<coordinates>{coordinates}</coordinates>')}</Placemark>\n"
    )
