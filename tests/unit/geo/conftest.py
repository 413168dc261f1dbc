"""Small towns made by hand for the tests of the domain core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.algorithms.network.build import build_network
from geo.algorithms.network.noding import NodingParams
from geo.model.frames import require_frame
from geo.model.network import StreetNetwork
from geo.model.patrol import Team

EPSG = 4547


def make_streets(lines: Sequence[Sequence[tuple[float, float]]], **columns: Sequence[Any]) -> gpd.GeoDataFrame:
    """Return a ``street`` frame; columns that are not given are those of an ordinary two-way street."""
    count = len(lines)
    usual = {"name": "和平路", "road_class": "residential", "oneway": "both", "level": 0, "maxspeed_kmh": None}
    values = {name: columns.get(name, [value] * count) for name, value in usual.items()}
    frame = gpd.GeoDataFrame(
        {"street_id": np.arange(1, count + 1), **values, "attributes": ["{}"] * count},
        geometry=[shapely.LineString(line) for line in lines],
        crs=EPSG,
    )
    frame["maxspeed_kmh"] = frame["maxspeed_kmh"].astype("float64")
    return require_frame("street", frame)


def make_network(lines: Sequence[Sequence[tuple[float, float]]], **columns: Sequence[Any]) -> StreetNetwork:
    """Return the network of street lines."""
    return build_network(make_streets(lines, **columns), NodingParams())[0]


def make_cells(polygons: Sequence[shapely.Geometry], codes: Sequence[str] = (), zoning: str = "a") -> gpd.GeoDataFrame:
    """Return a ``cell`` frame; codes are A1, A2 … of zoning "a"."""
    codes = codes or [f"{zoning.upper()}{number}" for number in range(1, len(polygons) + 1)]
    frame = pd.DataFrame({"zoning_id": zoning, "code": list(codes), "name": list(codes)})
    frame = frame.assign(community_name=None, attributes="{}")
    return require_frame("cell", gpd.GeoDataFrame(frame, geometry=_multi(polygons), crs=EPSG))


def make_communities(polygons: Sequence[shapely.Geometry], codes: Sequence[str] = ()) -> gpd.GeoDataFrame:
    """Return a ``community`` frame; codes are official ones of 12 digits."""
    codes = codes or [f"430406001{number:03d}" for number in range(1, len(polygons) + 1)]
    frame = pd.DataFrame({"code": list(codes), "name": [f"社区{code[-3:]}" for code in codes]})
    frame = frame.assign(street_name=None, attributes="{}")
    return require_frame("community", gpd.GeoDataFrame(frame, geometry=_multi(polygons), crs=EPSG))


def _multi(polygons: Sequence[shapely.Geometry]) -> list[shapely.MultiPolygon]:
    return [p if p.geom_type == "MultiPolygon" else shapely.MultiPolygon([p]) for p in polygons]


def make_team(name: str = "甲队", mode: Any = "foot", depot: int = 0, hours: tuple[float, float] = (8, 12)) -> Team:
    """Return a team on a shift between two hours of the day."""
    return Team(name, "police", 2, mode, hours[0] * 3600, hours[1] * 3600, depot)


@pytest.fixture
def streets() -> Callable[..., gpd.GeoDataFrame]:
    return make_streets


@pytest.fixture
def network() -> Callable[..., StreetNetwork]:
    return make_network


@pytest.fixture
def cells() -> Callable[..., gpd.GeoDataFrame]:
    return make_cells


@pytest.fixture
def communities() -> Callable[..., gpd.GeoDataFrame]:
    return make_communities


@pytest.fixture
def team() -> Callable[..., Team]:
    return make_team
