"""What leaves the project: GPX for handhelds, GeoJSON for everything else. Longitude and latitude only here."""

from __future__ import annotations

import json
from typing import Any

import geopandas as gpd
import gpxpy.gpx
import pandas as pd

from geo.model.crs import WGS84_EPSG

_LEG_WORDS = {"serve": "巡防 patrol", "deadhead": "途经 pass"}


def clock(seconds: float) -> str:
    """Return seconds after midnight as ``HH:MM``; past midnight goes on from 24:00 as 00:00 (+1)."""
    minutes = round(seconds / 60)
    days, minutes = divmod(minutes, 24 * 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text} (+{days})" if days else text


def route_gpx(route: pd.Series, legs: gpd.GeoDataFrame, visits: gpd.GeoDataFrame) -> str:
    """Return one route as GPX 1.1.

    The track is the way, one segment a leg; the route (``rte``) has a point at the start of each leg with the street's name
    and whether it is patrolled; the waypoints are the visits with arrival and stay.

    Parameters
    ----------
    route
        Row of the ``route`` frame.
    legs, visits
        Rows of the route, in order, in the project's CRS.
    """
    gpx = gpxpy.gpx.GPX()
    gpx.creator = "yiwang"
    gpx.name = f"{route['team']} {clock(route['start_s'])}-{clock(route['end_s'])}"
    track, turns = gpxpy.gpx.GPXTrack(name=gpx.name), gpxpy.gpx.GPXRoute(name=gpx.name)
    gpx.tracks.append(track)
    gpx.routes.append(turns)
    for leg, line in zip(legs.itertuples(), legs.geometry.to_crs(WGS84_EPSG), strict=True):
        points = [(round(lat, 7), round(lon, 7)) for lon, lat in line.coords]
        track.segments.append(gpxpy.gpx.GPXTrackSegment([gpxpy.gpx.GPXTrackPoint(*point) for point in points]))
        what = _LEG_WORDS[str(leg.kind)]
        turns.points.append(
            gpxpy.gpx.GPXRoutePoint(
                *points[0], name=str(leg.name) or what, description=f"{what} {leg.length_m:.0f} m {clock(leg.start_s)}"
            )
        )
    for visit, place in zip(visits.itertuples(), visits.geometry.to_crs(WGS84_EPSG), strict=True):
        minutes = round(visit.service_duration_s / 60)
        gpx.waypoints.append(
            gpxpy.gpx.GPXWaypoint(
                round(place.y, 7),
                round(place.x, 7),
                name=f"{visit.sequence}. {visit.name} {clock(visit.arrive_s)}",
                description=f"停留 {minutes} 分钟 stay {minutes} min",
                type=visit.kind,
            )
        )
    return str(gpx.to_xml(version="1.1"))


def frame_geojson(frame: gpd.GeoDataFrame | pd.DataFrame, converted_from: str = "") -> str:
    """Return a frame as an RFC 7946 FeatureCollection in longitude and latitude, or its rows when it has no geometry.

    A layer that was converted from GCJ-02 or BD-09 says so in a member ``yiwang``, so that nobody converts it twice.
    """
    frame = with_text_instants(frame)
    if not isinstance(frame, gpd.GeoDataFrame):
        return str(frame.to_json(orient="records", force_ascii=False))
    lonlat = frame.to_crs(WGS84_EPSG)
    lonlat = lonlat.set_geometry(lonlat.geometry.set_precision(1e-8, mode="pointwise"))
    text = str(lonlat.to_json(drop_id=True, ensure_ascii=False, to_wgs84=False))
    mark = json.dumps({"yiwang": {"converted_from": converted_from}}, ensure_ascii=False)
    return f"{mark[:-1]}, {text[1:]}" if converted_from else text


def with_text_instants(frame: Any) -> Any:
    """Return a frame with its instants as ISO 8601 texts in UTC."""
    instants = frame.select_dtypes(include=["datetimetz"]).columns
    return frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in instants})
