"""The tables as SQLAlchemy models, the same for both back ends.

One model per entry of :data:`geo.model.frames.SCHEMAS` (a test holds them equal) plus ``project`` and ``report``. The
models leave the SRID open; :func:`tables_for` gives the tables of a project, whose SRID is the project's.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import REAL, BigInteger, Column, Double, Index, Integer, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from geo.storage.instants import GEOPACKAGE, Instant

GEOMETRY_COLUMN = "geom"


# Byte order is the one collation that both back ends have, so both sort alike.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_INT = BigInteger().with_variant(Integer(), GEOPACKAGE)
_FLOAT: TypeEngine[float] = Double().with_variant(REAL(), GEOPACKAGE)

Fid = Annotated[int, mapped_column(_INT, primary_key=True, autoincrement=True, sort_order=-1)]
Str = Annotated[str, mapped_column(TEXT)]
Key = Annotated[str, mapped_column(TEXT, index=True)]
Int = Annotated[int, mapped_column(_INT)]
IntKey = Annotated[int, mapped_column(_INT, index=True)]
Real = Annotated[float, mapped_column(_FLOAT)]
Moment = Annotated[datetime, mapped_column(Instant())]
Point = Annotated[WKBElement, mapped_column(Geometry("POINT"))]
LineString = Annotated[WKBElement, mapped_column(Geometry("LINESTRING"))]
MultiPolygon = Annotated[WKBElement, mapped_column(Geometry("MULTIPOLYGON"))]

_OPTIONS = {"sqlite_autoincrement": True}  # GeoPackage wants keys that are never used twice


class Base(DeclarativeBase):
    """Base of all models."""


class Layer(Base):
    """Base of the tables whose rows are the rows of a frame, numbered by ``fid`` in the order they came."""

    __abstract__ = True
    __table_args__: Any = _OPTIONS

    fid: Mapped[Fid]


class ProjectField(Base):
    """One field of :class:`geo.model.project.Project`."""

    __tablename__ = "project"

    key: Mapped[str] = mapped_column(TEXT, primary_key=True)
    value: Mapped[Str]


class Report(Layer):
    """What a step reported when it ran."""

    __tablename__ = "report"

    step: Mapped[Key]
    created_at: Mapped[Moment]
    body: Mapped[Str]


class Zoning(Layer):
    """One department's zoning."""

    __tablename__ = "zoning"

    zoning_id: Mapped[Key]
    name: Mapped[Str]
    domain: Mapped[Str]
    cells: Mapped[Int]
    source: Mapped[Str]


class Cell(Layer):
    """A cell of a department's zoning."""

    __tablename__ = "cell"
    __table_args__ = (Index("ix_cell_zoning_id_code", "zoning_id", "code"), _OPTIONS)

    zoning_id: Mapped[Str]
    code: Mapped[Str]
    name: Mapped[Str]
    community_name: Mapped[Str | None]
    attributes: Mapped[Str]
    geom: Mapped[MultiPolygon]


class Community(Layer):
    """A community."""

    __tablename__ = "community"

    code: Mapped[Key]
    name: Mapped[Str]
    street_name: Mapped[Str | None]
    attributes: Mapped[Str]
    geom: Mapped[MultiPolygon]


class Facility(Layer):
    """A facility."""

    __tablename__ = "facility"

    code: Mapped[Key]
    name: Mapped[Str]
    kind: Mapped[Key]
    address: Mapped[Str | None]
    cell_code: Mapped[Key | None]
    attributes: Mapped[Str]
    geom: Mapped[Point]


class Street(Layer):
    """A street line of the source."""

    __tablename__ = "street"

    street_id: Mapped[IntKey]
    name: Mapped[Str]
    road_class: Mapped[Str]
    oneway: Mapped[Str]
    level: Mapped[Int]
    maxspeed_kmh: Mapped[Real | None]
    attributes: Mapped[Str]
    geom: Mapped[LineString]


class Incident(Layer):
    """An incident."""

    __tablename__ = "incident"

    kind: Mapped[Str]
    occurred_at: Mapped[datetime] = mapped_column(Instant(), index=True)
    cell_code: Mapped[Key | None]
    geom: Mapped[Point]


class Building(Layer):
    """A building."""

    __tablename__ = "building"

    name: Mapped[Str | None]
    households: Mapped[Int | None]
    floors: Mapped[Int | None]
    cell_code: Mapped[Key | None]
    geom: Mapped[MultiPolygon]


class Team(Layer):
    """A patrol team at its depot."""

    __tablename__ = "team"

    name: Mapped[Str]
    kind: Mapped[Str]
    members: Mapped[Int]
    mode: Mapped[Str]
    shift_start_s: Mapped[Int]
    shift_end_s: Mapped[Int]
    geom: Mapped[Point]


class UnifiedCell(Layer):
    """A cell of the unified grid."""

    __tablename__ = "unified_cell"

    code: Mapped[Key]
    name: Mapped[Str]
    community_code: Mapped[Key]
    community_name: Mapped[Str]
    sequence: Mapped[Int]
    area_m2: Mapped[Real]
    pieces: Mapped[Int]
    sources: Mapped[Str]
    geom: Mapped[MultiPolygon]


class Lineage(Layer):
    """Where a unified cell came from."""

    __tablename__ = "lineage"
    __table_args__ = (Index("ix_lineage_zoning_id_source_code", "zoning_id", "source_code"), _OPTIONS)

    cell_code: Mapped[Key]
    zoning_id: Mapped[Str]
    source_code: Mapped[Str]
    area_m2: Mapped[Real]
    share_of_source: Mapped[Real]
    share_of_cell: Mapped[Real]


class Conflict(Layer):
    """A place where the borders of two zonings disagree."""

    __tablename__ = "conflict"

    conflict_key: Mapped[Key]
    kind: Mapped[Str]
    zoning_a: Mapped[Str]
    cell_a: Mapped[Str]
    zoning_b: Mapped[Str | None]
    cell_b: Mapped[Str | None]
    community_code: Mapped[Key]
    community_name: Mapped[Str]
    area_m2: Mapped[Real]
    length_m: Mapped[Real]
    max_offset_m: Mapped[Real]
    facilities: Mapped[Int]
    facility_codes: Mapped[Str]
    suggestion: Mapped[Str]
    geom: Mapped[MultiPolygon]


class CellOverlap(Layer):
    """Ground that cells of two zonings both hold."""

    __tablename__ = "cell_overlap"
    __table_args__ = (
        Index("ix_cell_overlap_a", "zoning_a", "cell_a"),
        Index("ix_cell_overlap_b", "zoning_b", "cell_b"),
        _OPTIONS,
    )

    community_code: Mapped[Key]
    zoning_a: Mapped[Str]
    cell_a: Mapped[Str]
    zoning_b: Mapped[Str]
    cell_b: Mapped[Str]
    area_m2: Mapped[Real]


class Sliver(Layer):
    """A piece too thin or too small for a cell, and the cell that it joined."""

    __tablename__ = "sliver"

    cell_code: Mapped[Key]
    community_code: Mapped[Key]
    area_m2: Mapped[Real]
    mean_width_m: Mapped[Real]
    sources: Mapped[Str]
    geom: Mapped[MultiPolygon]


class CodeHistory(Layer):
    """Since when, and until when, a grid code stood for a cell."""

    __tablename__ = "code_history"

    code: Mapped[Key]
    name: Mapped[Str]
    community_code: Mapped[Key]
    initial_at: Mapped[Moment]
    end_at: Mapped[Moment | None]
    predecessors: Mapped[Str]


class Repair(Layer):
    """What was wrong with a feature of an imported layer, and what was done."""

    __tablename__ = "repair"
    __table_args__ = (Index("ix_repair_layer_zoning_id", "layer", "zoning_id"), _OPTIONS)

    layer: Mapped[Str]
    zoning_id: Mapped[Str]
    source: Mapped[Str]
    row: Mapped[Int]
    code: Mapped[Str]
    kind: Mapped[Str]
    is_left_out: Mapped[Int]
    moved_area_m2: Mapped[Real]
    geom: Mapped[Point]


class StreetCell(Layer):
    """The length of a street inside a unified cell."""

    __tablename__ = "street_cell"

    street_id: Mapped[IntKey]
    cell_code: Mapped[Key]
    length_m: Mapped[Real]


class NetworkNode(Layer):
    """A junction of the street network."""

    __tablename__ = "network_node"

    node_id: Mapped[IntKey]
    component: Mapped[Int]
    degree: Mapped[Int]
    geom: Mapped[Point]


class NetworkEdge(Layer):
    """A street segment between two junctions."""

    __tablename__ = "network_edge"

    edge_id: Mapped[IntKey]
    from_node: Mapped[Int]
    to_node: Mapped[Int]
    street_id: Mapped[IntKey]
    name: Mapped[Str]
    road_class: Mapped[Str]
    length_m: Mapped[Real]
    speed_foot_mps: Mapped[Real]
    speed_ebike_mps: Mapped[Real]
    speed_car_mps: Mapped[Real]
    oneway: Mapped[Str]
    cell_code: Mapped[Key | None]
    geom: Mapped[LineString]


class Plan(Layer):
    """A patrol plan."""

    __tablename__ = "plan"

    plan_id: Mapped[Key]
    created_at: Mapped[Moment]
    params: Mapped[Str]
    summary: Mapped[Str]


class Route(Layer):
    """A route of a plan."""

    __tablename__ = "route"
    __table_args__ = (Index("ix_route_plan_id_route_no", "plan_id", "route_no"), _OPTIONS)

    plan_id: Mapped[Str]
    route_no: Mapped[Int]
    team: Mapped[Str]
    team_kind: Mapped[Str]
    mode: Mapped[Str]
    start_s: Mapped[Real]
    end_s: Mapped[Real]
    length_m: Mapped[Real]
    served_m: Mapped[Real]
    deadhead_m: Mapped[Real]
    duration_s: Mapped[Real]
    visits: Mapped[Int]
    geom: Mapped[LineString]


class Leg(Layer):
    """A leg of a route."""

    __tablename__ = "leg"
    __table_args__ = (Index("ix_leg_plan_id_route_no", "plan_id", "route_no"), _OPTIONS)

    plan_id: Mapped[Str]
    route_no: Mapped[Int]
    leg_no: Mapped[Int]
    kind: Mapped[Str]
    name: Mapped[Str]
    length_m: Mapped[Real]
    start_s: Mapped[Real]
    end_s: Mapped[Real]
    arcs: Mapped[Str]
    geom: Mapped[LineString]


class Visit(Layer):
    """A visit of a plan."""

    __tablename__ = "visit"
    __table_args__ = (Index("ix_visit_plan_id_route_no", "plan_id", "route_no"), _OPTIONS)

    plan_id: Mapped[Str]
    route_no: Mapped[Int]
    sequence: Mapped[Int]
    code: Mapped[Str]
    name: Mapped[Str]
    kind: Mapped[Str]
    node_id: Mapped[Int]
    arrive_s: Mapped[Real | None]
    service_duration_s: Mapped[Real]
    window_start_s: Mapped[Real | None]
    window_end_s: Mapped[Real | None]
    reason: Mapped[Str]
    geom: Mapped[Point]


class RiskCell(Layer):
    """The risk of a unified cell."""

    __tablename__ = "risk_cell"

    cell_code: Mapped[Key]
    rank: Mapped[Int]
    incidents: Mapped[Int]
    intensity_per_m2: Mapped[Real]
    risk_score: Mapped[Real]
    geom: Mapped[MultiPolygon]


class RiskSurface(Layer):
    """The intensity at a point in a period."""

    __tablename__ = "risk_surface"

    period: Mapped[Key]
    intensity_per_m2: Mapped[Real]
    risk_score: Mapped[Real]
    geom: Mapped[Point]


@lru_cache(maxsize=16)
def tables_for(epsg: int) -> MetaData:
    """Return the tables with the SRID of a project.

    Parameters
    ----------
    epsg
        Code of the project's CRS.
    """
    metadata = MetaData()
    for table in Base.metadata.tables.values():
        copy = table.to_metadata(metadata)
        if GEOMETRY_COLUMN in copy.columns:
            column = copy.columns[GEOMETRY_COLUMN]
            column.type = Geometry(geometry_type_of(column).geometry_type, srid=epsg, nullable=False)
    return metadata


def geometry_type_of(column: Column[Any]) -> Geometry:
    """Return the type of a geometry column, which holds its SRID.

    Raises
    ------
    TypeError
        The column holds no geometry.
    """
    if not isinstance(column.type, Geometry):
        raise TypeError(f"{column} is not a geometry column")
    return column.type
