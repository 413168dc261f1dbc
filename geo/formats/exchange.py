"""What leaves the project as GeoJSON; routes are in :mod:`geo.formats.route_files`. Longitude and latitude only here."""

from __future__ import annotations

import json
from typing import Any

import geopandas as gpd
import pandas as pd

from geo.model.crs import WGS84_EPSG


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
