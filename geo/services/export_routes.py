"""Hand patrol routes over: what each team follows, as GPX, KML and GeoJSON, one file a route and one for the plan."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from geo.algorithms.routing.itinerary_junctions import Junctions
from geo.algorithms.routing.itinerary_stored import stored_itinerary
from geo.errors import MissingLayerError, ParameterError, StorageError
from geo.formats.route_files import routes_geojson, routes_gpx, routes_kml
from geo.model.itinerary import Itinerary
from geo.model.network import Mode, StreetNetwork
from geo.model.plan import route_file_name
from geo.model.routes_view import RoutesView, Shift
from geo.services.read_views import read_plan_of
from geo.storage.store import Store
from geo.storage.transaction import Transaction

ROUTE_FORMATS = {
    ".gpx": "application/gpx+xml",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".geojson": "application/geo+json",
}
"""Suffix of a file of routes → its media type."""

_AROUND_M = 400.0
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def read_routes(store: Store, plan_id: str | None = None, route_no: int | None = None) -> RoutesView:
    """Return what the teams of a plan follow.

    The instructions are worked out from the stored legs and the street network. Where the network was built anew since the
    plan, they come from the legs alone and know no crossing streets.

    Parameters
    ----------
    store
        Of the project.
    plan_id
        None takes the newest plan.
    route_no
        Only this route; None takes all.

    Raises
    ------
    MissingLayerError
        There is no such plan or route.
    """
    with store.begin() as transaction:
        plan = read_plan_of(transaction, plan_id)
        routes = plan["route"].sort_values("route_no", ignore_index=True)
        if routes.empty:
            raise MissingLayerError("There is no patrol plan yet. Plan first.")
        numbers = tuple(int(number) for number in routes["route_no"])
        if route_no is not None:
            routes = routes[routes["route_no"] == route_no].reset_index(drop=True)
            if routes.empty:
                raise MissingLayerError("The plan has no route {number}.", number=route_no)
        network = StreetNetwork(
            transaction.read("network_node", order_by=("node_id",)),
            transaction.read("network_edge", order_by=("edge_id",)),
        )
        circles = _roundabouts(transaction, network)
        teams = transaction.read("team")
        around = shapely.box(*routes.total_bounds).buffer(_AROUND_M).bounds
        buildings = transaction.read("building", bbox=around)
        project = transaction.project
    frames = {name: gpd.GeoDataFrame(plan[name]) for name in ("leg", "visit")}
    header = plan["plan"].iloc[0]
    speeds = json.loads(header["params"]).get("patrol_speed_mps") or {}
    junctions: dict[Mode, Junctions] = {}
    itineraries = []
    for row in routes.to_dict("records"):
        mode: Mode = row["mode"]
        streets = junctions.setdefault(mode, Junctions(network, mode, circles))
        legs, visits = (frame[frame["route_no"] == row["route_no"]] for frame in frames.values())
        itineraries.append(
            stored_itinerary({str(key): row[key] for key in row}, legs, visits, streets, speeds.get(mode))
        )
    shifts = {
        str(row.name): Shift(float(row.shift_start_s), float(row.shift_end_s), int(row.members))
        for row in teams.itertuples(index=False)
    }
    return RoutesView(
        project.name,
        str(header["plan_id"]),
        header["created_at"].tz_convert(project.time_zone),
        numbers,
        tuple(itineraries),
        shifts,
        network.edges,
        buildings,
    )


def _roundabouts(transaction: Transaction, network: StreetNetwork) -> frozenset[int]:
    """Return the segments of streets whose source says ``junction=roundabout`` or ``circular``, as OpenStreetMap does."""
    streets = transaction.read("street")
    told = streets[streets["attributes"].str.contains("roundabout|circular", regex=True)]
    circles = [
        street_id
        for street_id, text in zip(told["street_id"], told["attributes"], strict=True)
        if json.loads(text).get("junction") in ("roundabout", "circular")
    ]
    return frozenset(np.flatnonzero(network.edges["street_id"].isin(circles)).tolist())


def routes_text(routes: RoutesView, suffix: str) -> str:
    """Return all routes of a set as the text of one file.

    Raises
    ------
    ParameterError
        The suffix is none of :data:`ROUTE_FORMATS`.
    """
    if suffix == ".gpx":
        return routes_gpx(routes.itineraries)
    if suffix == ".kml":
        return routes_kml(routes.itineraries, f"{routes.project_name} {routes.plan_id}")
    if suffix == ".geojson":
        return routes_geojson(routes.itineraries)
    raise ParameterError(
        "Routes are exported as {known}, not '{suffix}'.", known=", ".join(ROUTE_FORMATS), suffix=suffix
    )


def route_texts(routes: RoutesView, suffixes: Collection[str]) -> dict[str, str]:
    """Return the files of the routes: name → text; of each suffix one a route, and one named ``routes`` with all.

    Raises
    ------
    ParameterError
        A suffix is none of :data:`ROUTE_FORMATS`.
    """
    texts = {}
    for suffix in suffixes:
        for itinerary in routes.itineraries:
            texts[file_name(itinerary, suffix)] = routes_text(routes.alone(itinerary), suffix)
        if len(routes.itineraries) > 1:
            texts[f"routes{suffix}"] = routes_text(routes, suffix)
    return texts


def file_name(itinerary: Itinerary, suffix: str) -> str:
    """Return the name of a route's file."""
    return f"{route_file_name(itinerary.route_no, itinerary.team).removesuffix('.gpx')}{suffix}"


def write_files(texts: Mapping[str, str], target: Path) -> list[Path]:
    """Write texts as files into a folder, or into one archive when the target ends in ``.zip``.

    Returns
    -------
    list of Path
        The files, or the archive.

    Raises
    ------
    StorageError
        The target cannot be written.
    """
    try:
        if target.suffix.lower() == ".zip":
            target.write_bytes(pack_files(texts))
            return [target]
        target.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, text in texts.items():
            path = target / name
            path.write_text(text, encoding="utf-8", newline="\n")
            paths.append(path)
    except OSError as error:
        raise StorageError(
            "{place} cannot be written. Allow writing to the file and its folder, or work on a copy.", place=target.name
        ) from error
    return paths


def pack_files(texts: Mapping[str, str]) -> bytes:
    """Return texts as a zip archive; the same texts give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text.encode("utf-8"))
    return target.getvalue()
