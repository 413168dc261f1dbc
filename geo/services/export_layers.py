"""Hand results over: GPX and GeoJSON texts, and files on disk."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyogrio.errors import DataSourceError
from pyproj import Transformer

from geo.errors import MissingLayerError, ParameterError, StorageError
from geo.formats.exchange import frame_geojson, route_gpx
from geo.model.crs import WGS84_EPSG
from geo.model.frames import SCHEMAS
from geo.model.patrol import route_file_name
from geo.services.read_views import read_layer, read_plan
from geo.storage.store import Store

FILE_FORMATS = {".geojson": "GeoJSON", ".gpkg": "GPKG", ".shp": "ESRI Shapefile"}


def layer_geojson(
    store: Store,
    table: str,
    bbox_lonlat: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> str:
    """Return rows of a table as GeoJSON in longitude and latitude.

    Parameters
    ----------
    store
        Of the project.
    table
        Key of :data:`geo.model.frames.SCHEMAS`.
    bbox_lonlat
        west, south, east, north in degrees.
    limit, offset
        Page of rows.

    Raises
    ------
    ParameterError
        There is no such table.
    """
    bbox = None
    if bbox_lonlat is not None:
        to_metric = Transformer.from_crs(WGS84_EPSG, store.project().epsg, always_xy=True)
        bbox = to_metric.transform_bounds(*bbox_lonlat)
    return frame_geojson(read_layer(store, table, bbox, limit, offset))


def route_geojson(store: Store, plan_id: str | None, route_no: int) -> str:
    """Return the legs of one route as GeoJSON.

    Raises
    ------
    MissingLayerError
        There is no such plan or route.
    """
    return frame_geojson(_of_route(read_plan(store, plan_id)["leg"], route_no))


def write_gpx(store: Store, plan_id: str | None, route_no: int) -> str:
    """Return one route as GPX text.

    Parameters
    ----------
    store
        Of the project.
    plan_id
        None takes the newest plan.
    route_no
        From 1.

    Raises
    ------
    MissingLayerError
        There is no such plan or route.
    """
    return _gpx(read_plan(store, plan_id), route_no)


def _gpx(plan: dict[str, pd.DataFrame], route_no: int) -> str:
    route = _of_route(plan["route"], route_no).iloc[0]
    legs, visits = plan["leg"], plan["visit"]
    return route_gpx(route, legs[legs["route_no"] == route_no], visits[visits["route_no"] == route_no])


def _of_route(frame: pd.DataFrame, route_no: int) -> pd.DataFrame:
    rows = frame[frame["route_no"] == route_no]
    if rows.empty:
        raise MissingLayerError("The plan has no route {number}.", number=route_no)
    return rows


def export_routes(store: Store, directory: Path, plan_id: str | None = None) -> list[Path]:
    """Write every route of a plan as GPX; returns the files.

    Raises
    ------
    MissingLayerError
        There is no plan.
    """
    plan = read_plan(store, plan_id)
    if plan["route"].empty:
        raise MissingLayerError("There is no patrol plan yet. Plan first.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            "{place} cannot be written. Allow writing to the file and its folder, or work on a copy.",
            place=directory.name,
        ) from error
    paths = []
    for number, team in zip(plan["route"]["route_no"], plan["route"]["team"], strict=True):
        path = directory / route_file_name(int(number), team)
        path.write_text(_gpx(plan, number), encoding="utf-8")
        paths.append(path)
    return paths


def export_layer(store: Store, table: str, path: Path) -> Path:
    """Write one layer as a file; the suffix says the format.

    A shapefile is written in GB18030 with a .cpg, and its columns are named by position in a ``.fields.json`` beside it
    because names are cut to 10 bytes.

    Raises
    ------
    ParameterError
        The suffix is none of the known ones, the table has no geometry and the format needs one, or the file is the
        project itself.
    StorageError
        The file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in FILE_FORMATS:
        raise ParameterError("'{file}': layers are exported as {known}.", file=path.name, known=", ".join(FILE_FORMATS))
    if table not in SCHEMAS:
        raise ParameterError("There is no layer '{table}'. Known are {known}.", table=table, known=", ".join(SCHEMAS))
    _require_foreign(store, path)
    frame = read_layer(store, table)
    if suffix != ".geojson" and not isinstance(frame, gpd.GeoDataFrame):
        raise ParameterError("Layer '{table}' has no geometry; export it as .geojson.", table=table)
    try:
        if suffix == ".geojson":
            path.write_text(frame_geojson(frame), encoding="utf-8")
        elif suffix == ".shp":
            _write_shapefile(frame, path)
        else:
            gpd.GeoDataFrame(frame).to_file(path, layer=table, driver="GPKG")
    except (OSError, DataSourceError) as error:
        raise StorageError(
            "{place} cannot be written. Allow writing to the file and its folder, or work on a copy.", place=path.name
        ) from error
    return path


def _require_foreign(store: Store, path: Path) -> None:
    """Refuse to export into the project's own file: its tables would be replaced by plain ones."""
    if store.backend == "gpkg" and path.resolve() == Path(store.url.removeprefix("gpkg://")).resolve():
        raise ParameterError("'{file}' is the project itself. Export to another file.", file=path.name)


def _write_shapefile(frame: gpd.GeoDataFrame, path: Path) -> None:
    columns = [name for name in frame.columns if name != frame.geometry.name]
    short: dict[str, str] = {}
    for name in columns:
        candidate, number = name[:10], 1
        while candidate in short.values():
            candidate, number = f"{name[:8]}_{number}", number + 1
        short[name] = candidate
    instants = frame.select_dtypes(include=["datetimetz"]).columns
    plain = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in instants})
    plain.rename(columns=short).to_file(path, driver="ESRI Shapefile", encoding="GB18030")
    path.with_suffix(".fields.json").write_text(
        json.dumps({new: old for old, new in short.items()}, ensure_ascii=False, indent=1), encoding="utf-8"
    )
