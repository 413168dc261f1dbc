"""What is exported and imported again is the same layer: every format, any text, any attributes."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from geo.model.frames import FACILITY_KINDS, ONEWAY, ROAD_CLASSES, require_frame
from geo.model.project import Project
from geo.services.export_layers import export_layer
from geo.services.import_layer import ImportParams, import_layer
from geo.services.read_views import read_layer
from geo.storage import Store, open_store

EPSG = 4547
ORIGIN = np.array([437_000.0, 2_970_000.0])
EXACT_M, DEGREES_M = 1e-9, 2e-3
LAYER_FORMATS = {
    ".gpkg": EXACT_M,
    ".shp": EXACT_M,
    ".shp.zip": EXACT_M,
    ".parquet": EXACT_M,
    ".geojson": DEGREES_M,
    ".kml": DEGREES_M,
    ".csv": DEGREES_M,
}
RARE = "\U00020000\U0002a6d6㐀𠮷"  # 4 bytes in GB18030
text = st.text(
    st.one_of(
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
        st.sampled_from(RARE),
        st.characters(codec="gb18030", exclude_categories=("C", "Z")),
        st.sampled_from(" \u3000=+-@'\"<&>,;|#_{}[]\\/%"),
    ),
    max_size=25,
).map(str.strip)
long_text = st.builds(lambda part, times: (part * times)[:700].strip(), text.filter(bool), st.integers(1, 400))
word = st.one_of(text, text, long_text)
filled = word.filter(bool)
number = st.one_of(st.integers(-(10**10) + 1, 10**10 - 1), st.floats(-1e9, 1e9, allow_nan=False), st.booleans())
attributes = st.dictionaries(
    text.filter(bool).filter(lambda name: len(name) < 20),
    st.one_of(filled, number, st.lists(st.integers(0, 9), min_size=1)),
    max_size=4,
)


def packed(values: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(value, ensure_ascii=False) for value in values]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """The project that exports and the one that imports."""
    folder = tmp_path_factory.mktemp("往返")
    with open_store(str(folder / "from.gpkg")) as first, open_store(str(folder / "to.gpkg")) as second:
        for store in (first, second):
            store.create(Project("往返", EPSG))
        yield first, second


def frame_of(table: str, shapes: list[shapely.Geometry], **columns: list[Any]) -> gpd.GeoDataFrame:
    placed = [shapely.transform(shape, lambda xy: xy + ORIGIN) for shape in shapes]
    frame = gpd.GeoDataFrame(columns, geometry=placed, crs=EPSG)
    checked: gpd.GeoDataFrame = require_frame(table, frame)
    return checked


def unique(rows: int) -> st.SearchStrategy[list[str]]:
    # a DBF and most programs do not tell codes apart that differ in blanks at their ends
    return st.lists(filled, min_size=rows, max_size=rows, unique=True)


@st.composite
def cells(draw: Any) -> gpd.GeoDataFrame:
    rows = draw(st.integers(1, 4))
    shapes = []
    for i in range(rows):
        x, size = 200.0 * i, draw(st.integers(5, 90)) + draw(st.floats(0, 1))
        shape = shapely.box(x, 0, x + size, size)
        if draw(st.booleans()):
            shape = shape.difference(shapely.box(x + 1, 1, x + 2, 2.5))
        other = [shapely.box(x + 100, 0, x + 110, 10)] if draw(st.booleans()) else []
        shapes.append(shapely.MultiPolygon([shape, *other]))
    return frame_of(
        "cell",
        shapes,
        zoning_id=["police"] * rows,
        code=draw(unique(rows)),
        name=draw(st.lists(filled, min_size=rows, max_size=rows)),
        community_name=draw(st.lists(st.none() | filled, min_size=rows, max_size=rows)),
        attributes=packed(draw(st.lists(attributes, min_size=rows, max_size=rows))),
    )


@st.composite
def facilities(draw: Any) -> gpd.GeoDataFrame:
    rows = draw(st.integers(1, 4))
    shapes = [shapely.Point(draw(st.floats(-3000, 3000)), draw(st.floats(-3000, 3000))) for _ in range(rows)]
    return frame_of(
        "facility",
        shapes,
        code=draw(unique(rows)),
        name=draw(st.lists(filled, min_size=rows, max_size=rows)),
        kind=draw(st.lists(st.sampled_from(FACILITY_KINDS), min_size=rows, max_size=rows)),
        address=draw(st.lists(st.none() | filled, min_size=rows, max_size=rows)),
        cell_code=[None] * rows,
        attributes=packed(draw(st.lists(attributes, min_size=rows, max_size=rows))),
    )


@st.composite
def streets(draw: Any) -> gpd.GeoDataFrame:
    rows = draw(st.integers(1, 4))
    shapes = []
    for i in range(rows):
        steps = draw(st.lists(st.tuples(st.floats(1, 300), st.floats(-90, 90)), min_size=2, max_size=5))
        shapes.append(shapely.LineString(np.cumsum([(0.0, 50.0 * i), *steps], axis=0)))
    return frame_of(
        "street",
        shapes,
        street_id=list(range(1, rows + 1)),
        name=draw(st.lists(word, min_size=rows, max_size=rows)),
        road_class=draw(st.lists(st.sampled_from(ROAD_CLASSES), min_size=rows, max_size=rows)),
        oneway=draw(st.lists(st.sampled_from(ONEWAY), min_size=rows, max_size=rows)),
        level=draw(st.lists(st.integers(-3, 3), min_size=rows, max_size=rows)),
        maxspeed_kmh=draw(st.lists(st.none() | st.sampled_from([5.0, 30.5, 120.0]), min_size=rows, max_size=rows)),
        attributes=packed(draw(st.lists(attributes, min_size=rows, max_size=rows))),
    )


def round_trip(
    stores: tuple[Store, Store], table: str, frame: gpd.GeoDataFrame, suffix: str, language: Any = "zh"
) -> gpd.GeoDataFrame:
    """Return what is read from a second project that imported the export of a first one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with stores[0].begin() as transaction:
            transaction.replace(table, frame)
        path = export_layer(stores[0], table, folder / f"往返{suffix.removesuffix('.zip')}", language=language)
        if suffix.endswith(".zip"):
            files = list(folder.iterdir())
            path = folder / "往返.zip"
            with zipfile.ZipFile(path, "w") as archive:
                for file in files:
                    archive.write(file, file.name)
        with stores[1].begin() as transaction:
            for other in LAYERS:
                transaction.delete(other)
        kind, key = ("zoning", "police") if table == "cell" else (table, "")
        report = import_layer(stores[1], path, ImportParams(kind, zoning_id=key))
        assert [finding.code for finding in report.findings] == []
        return read_layer(stores[1], table)


def require_same(table: str, before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, tolerance_m: float) -> None:
    columns = [name for name in before.columns if name not in ("attributes", "geometry")]
    for name in columns:
        first, second = ([None if pd.isna(value) else value for value in frame[name]] for frame in (before, after))
        assert first == second, name
    unpacked = [[json.loads(value) for value in frame["attributes"]] for frame in (before, after)]
    assert unpacked[0] == unpacked[1]
    for one, other in zip(before.geometry, after.geometry, strict=True):
        assert one.normalize().equals_exact(other.normalize(), tolerance_m) or (
            one.geom_type == other.geom_type
            and shapely.hausdorff_distance(one, other) <= tolerance_m
            and shapely.get_num_coordinates(one) == shapely.get_num_coordinates(other)
        )


LAYERS: dict[str, Callable[[], st.SearchStrategy[gpd.GeoDataFrame]]] = {
    "cell": cells,
    "facility": facilities,
    "street": streets,
}
FEW = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


@pytest.mark.parametrize("suffix", LAYER_FORMATS)
@pytest.mark.parametrize("table", LAYERS)
@FEW
@given(drawn=st.data())
def test_layer_comes_back(stores: tuple[Store, Store], table: str, suffix: str, drawn: st.DataObject) -> None:
    frame = drawn.draw(LAYERS[table]())
    require_same(table, frame, round_trip(stores, table, frame, suffix), LAYER_FORMATS[suffix])


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@FEW
@given(frame=facilities())
def test_points_come_back_from_spreadsheets(
    stores: tuple[Store, Store], suffix: str, language: str, frame: gpd.GeoDataFrame
) -> None:
    require_same("facility", frame, round_trip(stores, "facility", frame, suffix, language), DEGREES_M)
