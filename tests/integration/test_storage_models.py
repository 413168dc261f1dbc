"""The models against the schemas, and the GeoAlchemy2 columns on both back ends."""

from __future__ import annotations

import pytest
import shapely
from geoalchemy2 import Geometry, WKBElement, WKTElement
from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import BigInteger, Double, Text, insert, inspect, select
from sqlalchemy.orm import Session

from geo.model.frames import SCHEMAS
from geo.storage.instants import Instant
from geo.storage.models import Base, Facility, UnifiedCell, tables_for

_TYPES = {"text": Text, "int": BigInteger, "float": Double, "instant": Instant}


def test_models_are_schemas_plus_project_and_report():
    assert set(Base.metadata.tables) == set(SCHEMAS) | {"project", "report"}


@pytest.mark.parametrize("table", SCHEMAS)
def test_columns_are_those_of_the_schema(table):
    schema = SCHEMAS[table]
    model = Base.metadata.tables[table]

    expected = ["fid", *schema.column_names, *(["geom"] if schema.geometry else [])]
    assert [column.name for column in model.columns] == expected
    assert [column.name for column in model.primary_key] == ["fid"]
    for column in schema.columns:
        assert isinstance(model.c[column.name].type, _TYPES[column.kind]), column.name
        assert model.c[column.name].nullable == column.nullable, column.name
    if schema.geometry:
        assert isinstance(model.c.geom.type, Geometry)
        assert model.c.geom.type.geometry_type == schema.geometry
        assert not model.c.geom.nullable
        assert tables_for(4547).tables[table].c.geom.type.srid == 4547


def test_both_back_ends_have_the_columns_and_indexes_of_the_models(store):
    inspector = inspect(store._backend._engine)
    for name, model in tables_for(4547).tables.items():
        if "geom" in model.c:
            continue  # reflection of geometry needs SpatiaLite; test_storage_geopackage reads these with GDAL
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(name)}
        assert columns == {column.name: column.nullable for column in model.columns}
    assert {index["name"] for index in inspector.get_indexes("lineage")} == {
        "ix_lineage_cell_code",
        "ix_lineage_zoning_id_source_code",
    }


def test_geometry_columns_work_through_the_orm(store):
    point = WKTElement("POINT(500000.25 3000000.125)", srid=4547)
    with Session(store._backend._engine) as session, session.begin():
        session.add(Facility(code="一", name="派出所", kind="police_station", attributes="{}", geom=point))
    with Session(store._backend._engine) as session:
        found = session.scalars(select(Facility)).one()
        assert isinstance(found.geom, WKBElement)
        assert found.geom.srid == 4547
        assert to_shape(found.geom).equals(shapely.Point(500000.25, 3000000.125))
    with store.begin() as transaction:
        assert transaction.read("facility", bbox=(500000, 3000000, 500001, 3000001)).name.tolist() == ["派出所"]


def test_geometry_columns_take_wkb_elements(store):
    shape = shapely.MultiPolygon([shapely.box(0, 0, 1 / 3, 2)])
    table = tables_for(4547).tables["unified_cell"]
    row = {"code": "1", "name": "", "community_code": "", "community_name": "", "sequence": 1, "area_m2": 1.0}
    with store._backend._engine.begin() as connection:
        connection.execute(
            insert(table), {**row, "pieces": 1, "sources": "{}", "geom": from_shape(shape, srid=4547, extended=True)}
        )
    with Session(store._backend._engine) as session:
        assert to_shape(session.scalars(select(UnifiedCell.geom)).one()).equals_exact(shape, 1e-12)
