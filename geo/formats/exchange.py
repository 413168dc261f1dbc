"""What leaves the project: GPX for handhelds, GeoJSON for everything else. Longitude and latitude only here."""

from __future__ import annotations

import geopandas as gpd
import gpxpy.gpx
import pandas as pd

from geo.model.crs import WGS84_EPSG


def clock(seconds: float) -> str:
    """Return seconds after midnight as ``HH:MM``; past midnight goes on from 24:00 as 00:00 (+1)."""
    minutes = round(seconds / 60)
    days, minutes = divmod(minutes, 24 * 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text} (+{days})" if days else text


def route_gpx(route: pd.Series, legs: gpd.GeoDataFrame, visits: gpd.GeoDataFrame) -> str:
    """Return one route as GPX 1.1: the track in order, one segment a leg, and the visits as waypoints.

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
    track = gpxpy.gpx.GPXTrack(name=gpx.name)
    gpx.tracks.append(track)
    segment = gpxpy.gpx.GPXTrackSegment()
    track.segments.append(segment)
    last: tuple[float, float] | None = None
    for line in legs.geometry.to_crs(WGS84_EPSG):
        for lon, lat in line.coords:
            if (lon, lat) != last:
                segment.points.append(gpxpy.gpx.GPXTrackPoint(round(lat, 7), round(lon, 7)))
            last = (lon, lat)
    places = visits.geometry.to_crs(WGS84_EPSG)
    for row, place in zip(visits.itertuples(), places, strict=True):
        minutes = round(row.service_duration_s / 60)
        gpx.waypoints.append(
            gpxpy.gpx.GPXWaypoint(
                round(place.y, 7),
                round(place.x, 7),
                name=f"{row.sequence}. {row.name} {clock(row.arrive_s)}",
                description=f"{minutes} min",
                type=row.kind,
            )
        )
    return str(gpx.to_xml(version="1.1"))


def frame_geojson(frame: gpd.GeoDataFrame | pd.DataFrame) -> str:
    """Return a frame as an RFC 7946 FeatureCollection in longitude and latitude, or its rows when it has no geometry."""
    instants = frame.select_dtypes(include=["datetimetz"]).columns
    frame = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in instants})
    if not isinstance(frame, gpd.GeoDataFrame):
        return str(frame.to_json(orient="records", force_ascii=False))
    lonlat = frame.to_crs(WGS84_EPSG)
    lonlat = lonlat.set_geometry(lonlat.geometry.set_precision(1e-8, mode="pointwise"))
    return str(lonlat.to_json(drop_id=True, ensure_ascii=False, to_wgs84=False))
