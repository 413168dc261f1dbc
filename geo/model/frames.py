"""The tables of a project and the frames that hold their rows.

Every layer that is read, computed or stored is a (Geo)DataFrame that one of these schemas describes. Geometry is in the
project's metric CRS, lengths in metres, areas in m², times of day in seconds after local midnight, instants in UTC. Codes
are text. ``attributes`` holds the columns of the source that have no place here, as a JSON object.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import geopandas as gpd
import pandas as pd
import shapely

from geo.errors import SchemaError

GeometryKind = Literal["POINT", "LINESTRING", "MULTIPOLYGON"]
ColumnKind = Literal["text", "int", "float", "instant"]


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, whether it may be empty, the values it may take and what it means."""

    name: str
    kind: ColumnKind
    meaning: str
    nullable: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrameSchema:
    """One table: its columns in order and its geometry."""

    table: str
    title_zh: str
    title_en: str
    columns: tuple[Column, ...]
    geometry: GeometryKind | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns without the geometry."""
        return tuple(column.name for column in self.columns)


def _text(name: str, meaning: str, nullable: bool = False, allowed: tuple[str, ...] = ()) -> Column:
    return Column(name, "text", meaning, nullable, allowed)


def _int(name: str, meaning: str, nullable: bool = False) -> Column:
    return Column(name, "int", meaning, nullable)


def _float(name: str, meaning: str, nullable: bool = False) -> Column:
    return Column(name, "float", meaning, nullable)


_ATTRIBUTES = _text("attributes", "other columns of the source, a JSON object")
_CELL_CODE = _text("cell_code", "code of the unified cell it lies in, empty before unifying or outside", nullable=True)

MODES = ("foot", "ebike", "car")
TEAM_KINDS = ("police", "grid_worker", "volunteer", "guard")
ONEWAY = ("both", "forward", "backward")
ROAD_CLASSES = ("motorway", "trunk", "primary", "secondary", "residential", "lane", "pedestrian")
FACILITY_KINDS = (
    "camera", "school", "kindergarten", "police_station", "police_room", "governance_centre", "hydrant", "hospital",
    "bus_stop", "rail_station", "market", "party_service", "elder_care", "park", "substation", "bank", "fuel_station",
    "government", "fire_station", "shelter", "other",
)  # fmt: skip
CONFLICT_KINDS = ("border", "straddle", "gap", "overlap", "unassigned")
SUGGESTIONS = (
    "follow_community", "follow_a", "follow_b", "survey", "assign_gap", "decide_overlap", "assign_community",
)  # fmt: skip
REPAIR_KINDS = (
    "self_intersection", "unclosed_ring", "collapsed_part", "other_parts", "no_geometry", "bad_coordinates",
    "wrong_geometry", "duplicate_points",
)  # fmt: skip
LEG_KINDS = ("serve", "deadhead")

_SCHEMAS = (
    FrameSchema(
        "zoning",
        "网格体系",
        "Zonings",
        (
            _text("zoning_id", "key of the zoning, lower-case"),
            _text("name", "name shown to users"),
            _text("domain", "department whose zoning it is"),
            _int("cells", "number of cells"),
            _text("source", "file it came from"),
        ),
    ),
    FrameSchema(
        "cell",
        "部门网格",
        "Department cells",
        (
            _text("zoning_id", "zoning of the cell"),
            _text("code", "the department's own code, unique within the zoning"),
            _text("name", "the department's own name"),
            _text("community_name", "community named by the source", nullable=True),
            _ATTRIBUTES,
        ),
        "MULTIPOLYGON",
    ),
    FrameSchema(
        "community",
        "社区",
        "Communities",
        (
            _text("code", "code, 12 digits where official"),
            _text("name", "name"),
            _text("street_name", "street office (街道) or town", nullable=True),
            _ATTRIBUTES,
        ),
        "MULTIPOLYGON",
    ),
    FrameSchema(
        "facility",
        "设施",
        "Facilities",
        (
            _text("code", "code, unique within the project"),
            _text("name", "name"),
            _text("kind", "kind of facility", allowed=FACILITY_KINDS),
            _text("address", "address", nullable=True),
            _CELL_CODE,
            _ATTRIBUTES,
        ),
        "POINT",
    ),
    FrameSchema(
        "street",
        "街路",
        "Streets",
        (
            _int("street_id", "number of the source line, from 1"),
            _text("name", "name, empty when the source has none"),
            _text("road_class", "class", allowed=ROAD_CLASSES),
            _text("oneway", "directions open to vehicles, along the line", allowed=ONEWAY),
            _int("level", "0 on the ground, above 0 on bridges, below 0 in tunnels"),
            _float("maxspeed_kmh", "limit for cars", nullable=True),
            _ATTRIBUTES,
        ),
        "LINESTRING",
    ),
    FrameSchema(
        "incident",
        "事件",
        "Incidents",
        (
            _text("kind", "kind as the source names it"),
            Column("occurred_at", "instant", "instant in UTC"),
            _CELL_CODE,
        ),
        "POINT",
    ),
    FrameSchema(
        "building",
        "楼栋",
        "Buildings",
        (
            _text("name", "name or number of the building", nullable=True),
            _int("households", "number of households, a count only", nullable=True),
            _int("floors", "storeys", nullable=True),
            _CELL_CODE,
        ),
        "MULTIPOLYGON",
    ),
    FrameSchema(
        "team",
        "巡防队伍",
        "Patrol teams",
        (
            _text("name", "name of the team, unique; never of a person"),
            _text("kind", "who it is made of", allowed=TEAM_KINDS),
            _int("members", "number of members"),
            _text("mode", "how it moves", allowed=MODES),
            _int("shift_start_s", "start of the shift, seconds after local midnight"),
            _int("shift_end_s", "end of the shift, seconds after local midnight; above 86,400 past midnight"),
        ),
        "POINT",
    ),
    FrameSchema(
        "unified_cell",
        "一网",
        "Unified grid",
        (
            _text("code", "grid code"),
            _text("name", "name: community and number"),
            _text("community_code", "community it belongs to; exactly one"),
            _text("community_name", "name of that community"),
            _int("sequence", "number within the community"),
            _float("area_m2", "area"),
            _int("pieces", "faces of the overlay that it is made of"),
            _text("sources", "JSON object: zoning_id → code of the source cell with the largest share"),
        ),
        "MULTIPOLYGON",
    ),
    FrameSchema(
        "lineage",
        "来源关系",
        "Lineage",
        (
            _text("cell_code", "unified cell"),
            _text("zoning_id", "zoning of the source cell"),
            _text("source_code", "source cell"),
            _float("area_m2", "area they share"),
            _float("share_of_source", "that area as a share of the source cell, 0–1"),
            _float("share_of_cell", "that area as a share of the unified cell, 0–1"),
        ),
    ),
    FrameSchema(
        "conflict",
        "边界冲突",
        "Border conflicts",
        (
            _text("conflict_key", "key, the same whenever the same cells disagree at the same place"),
            _text("kind", "what disagrees", allowed=CONFLICT_KINDS),
            _text("zoning_a", "zoning whose cell reaches across"),
            _text("cell_a", "that cell"),
            _text("zoning_b", "zoning whose border is crossed; empty for a gap", nullable=True),
            _text("cell_b", "cell on the far side", nullable=True),
            _text("community_code", "community it lies in, or was given to"),
            _text("community_name", "name of that community"),
            _float("area_m2", "area in dispute"),
            _float("length_m", "length of border in dispute"),
            _float("max_offset_m", "largest distance between the two borders"),
            _int("facilities", "facilities inside"),
            _text("facility_codes", "JSON array of their codes, the first twenty"),
            _text("suggestion", "what would settle it", allowed=SUGGESTIONS),
        ),
        "MULTIPOLYGON",
    ),
    FrameSchema(
        "cell_overlap",
        "网格对应",
        "Correspondence of cells",
        (
            _text("community_code", "community in which they overlap; empty outside every community"),
            _text("zoning_a", "zoning of the one cell"),
            _text("cell_a", "the one cell"),
            _text("zoning_b", "zoning of the other cell, or 'community'"),
            _text("cell_b", "the other cell"),
            _float("area_m2", "ground that both hold in that community"),
        ),
    ),
    FrameSchema(
        "sliver",
        "已并碎片",
        "Dissolved slivers",
        (
            _text("cell_code", "unified cell that it joined"),
            _text("community_code", "community of that cell"),
            _float("area_m2", "area"),
            _float("mean_width_m", "mean width, twice the area over the perimeter"),
            _text("sources", "JSON object: zoning_id → code of the source cell that holds it"),
        ),
        "MULTIPOLYGON",
    ),
    FrameSchema(
        "code_history",
        "编码沿革",
        "History of grid codes",
        (
            _text("code", "grid code; never given to another cell"),
            _text("name", "name of the cell while it had the code"),
            _text("community_code", "its community"),
            Column("initial_at", "instant", "since when the code stands for a cell"),
            Column("end_at", "instant", "until when; empty while it does", nullable=True),
            _text("predecessors", "JSON array: codes that ended when it began and whose ground it holds"),
        ),
    ),
    FrameSchema(
        "repair",
        "几何修复",
        "Repairs",
        (
            _text("layer", "table of the feature"),
            _text("zoning_id", "zoning of the feature; empty for other layers"),
            _text("source", "file it came from"),
            _int("row", "feature number in the file, from 0"),
            _text("code", "code of the feature; empty when it was left out or has none"),
            _text("kind", "what was wrong", allowed=REPAIR_KINDS),
            _int("is_left_out", "1 when the feature could not be used, else 0"),
            _float("moved_area_m2", "area that the repair added or took away"),
        ),
        "POINT",
    ),
    FrameSchema(
        "street_cell",
        "街路归属",
        "Streets by cell",
        (
            _int("street_id", "street line"),
            _text("cell_code", "unified cell"),
            _float("length_m", "length inside the cell"),
        ),
    ),
    FrameSchema(
        "network_node",
        "路口",
        "Junctions",
        (
            _int("node_id", "number from 0"),
            _int("component", "connected part of the network, 0 is the largest by length"),
            _int("degree", "edges that meet"),
        ),
        "POINT",
    ),
    FrameSchema(
        "network_edge",
        "路段",
        "Street segments",
        (
            _int("edge_id", "number from 0"),
            _int("from_node", "first node"),
            _int("to_node", "last node"),
            _int("street_id", "street line it is a piece of"),
            _text("name", "street name"),
            _text("road_class", "class", allowed=ROAD_CLASSES),
            _float("length_m", "length"),
            _float("speed_foot_mps", "speed on foot; 0 where closed"),
            _float("speed_ebike_mps", "speed by e-bike; 0 where closed"),
            _float("speed_car_mps", "speed by car; 0 where closed"),
            _text("oneway", "directions open to vehicles", allowed=ONEWAY),
            _text("cell_code", "unified cell of its middle", nullable=True),
        ),
        "LINESTRING",
    ),
    FrameSchema(
        "plan",
        "巡防方案",
        "Patrol plans",
        (
            _text("plan_id", "key"),
            Column("created_at", "instant", "when it was made, UTC"),
            _text("params", "JSON object of the parameters"),
            _text("summary", "JSON object of the figures"),
        ),
    ),
    FrameSchema(
        "route",
        "巡防路线",
        "Patrol routes",
        (
            _text("plan_id", "plan"),
            _int("route_no", "number from 1"),
            _text("team", "team that walks it"),
            _text("team_kind", "who the team is made of", allowed=TEAM_KINDS),
            _text("mode", "how it moves", allowed=MODES),
            _float("start_s", "leaves the depot, seconds after local midnight"),
            _float("end_s", "is back, seconds after local midnight"),
            _float("length_m", "whole way"),
            _float("served_m", "required streets on it"),
            _float("deadhead_m", "travelled without serving"),
            _float("duration_s", "whole time, visits and waiting included"),
            _int("visits", "places visited"),
        ),
        "LINESTRING",
    ),
    FrameSchema(
        "leg",
        "路线分段",
        "Route legs",
        (
            _text("plan_id", "plan"),
            _int("route_no", "route"),
            _int("leg_no", "number from 1 along the route"),
            _text("kind", "patrolled or only passed", allowed=LEG_KINDS),
            _text("name", "street name"),
            _float("length_m", "length"),
            _float("start_s", "entered, seconds after local midnight"),
            _float("end_s", "left, seconds after local midnight"),
            _text("arcs", "JSON array of directed edges: edge_id + 1, negative when walked against the line"),
        ),
        "LINESTRING",
    ),
    FrameSchema(
        "visit",
        "巡防点位",
        "Patrol visits",
        (
            _text("plan_id", "plan"),
            _int("route_no", "route; 0 when not served"),
            _int("sequence", "order on the route from 1; 0 when not served"),
            _text("code", "facility"),
            _text("name", "its name"),
            _text("kind", "its kind", allowed=FACILITY_KINDS),
            _int("node_id", "junction where the patrol stays"),
            _float("arrive_s", "start of the stay, seconds after local midnight", nullable=True),
            _float("service_duration_s", "length of the stay"),
            _float("window_start_s", "earliest start", nullable=True),
            _float("window_end_s", "latest start", nullable=True),
            _text("reason", "why it is not served; empty when it is"),
        ),
        "POINT",
    ),
    FrameSchema(
        "risk_cell",
        "网格风险",
        "Risk by cell",
        (
            _text("cell_code", "unified cell"),
            _int("rank", "1 is the highest"),
            _int("incidents", "incidents inside"),
            _float("intensity_per_m2", "mean intensity of the cell, weighted incidents per m²"),
            _float("risk_score", "intensity relative to the highest cell, 0–1"),
        ),
        "MULTIPOLYGON",
    ),
    FrameSchema(
        "risk_surface",
        "风险面",
        "Intensity surface",
        (
            _text("period", "'all' or the month as YYYY-MM, local time"),
            _float("intensity_per_m2", "incidents per m² in that period"),
            _float("risk_score", "intensity relative to the highest of all periods of the same kind, 0–1"),
        ),
        "POINT",
    ),
)

SCHEMAS: dict[str, FrameSchema] = {schema.table: schema for schema in _SCHEMAS}
"""Table name → schema, in an order in which each table follows what it refers to."""

IMPORT_KINDS = ("zoning", "community", "facility", "street", "incident", "building", "team")
"""What a user can import; the rows of a ``zoning`` go to the table ``cell``."""

_DTYPES: dict[ColumnKind, str] = {"text": "str", "int": "int64", "float": "float64", "instant": "datetime64[us, UTC]"}
_TYPE_IDS: dict[GeometryKind, int] = {
    "POINT": shapely.GeometryType.POINT,
    "LINESTRING": shapely.GeometryType.LINESTRING,
    "MULTIPOLYGON": shapely.GeometryType.MULTIPOLYGON,
}


@cache
def _pandera_schema(table: str) -> Any:
    """Return the pandera schema of a table's columns, built on first use because pandera is slow to import."""
    import pandera.pandas as pa

    columns = {}
    for column in SCHEMAS[table].columns:
        dtype = "Int64" if column.kind == "int" and column.nullable else _DTYPES[column.kind]
        checks = [pa.Check.isin(column.allowed)] if column.allowed else []
        columns[column.name] = pa.Column(dtype, checks, nullable=column.nullable, coerce=True)
    return pa.DataFrameSchema(columns, strict=False)


def require_frame(table: str, frame: pd.DataFrame) -> Any:
    """Return the frame with just the columns of a table, their kinds coerced and their values checked.

    Parameters
    ----------
    table
        Key of :data:`SCHEMAS`.
    frame
        Holds at least the columns of the table; others are dropped. Not changed.

    Returns
    -------
    GeoDataFrame or DataFrame
        GeoDataFrame when the table has a geometry.

    Raises
    ------
    SchemaError
        A column is missing, holds a wrong kind or a value that is not allowed, or a geometry is empty or of a wrong type.
    """
    import pandera.errors

    schema = SCHEMAS[table]
    missing = [name for name in schema.column_names if name not in frame.columns]
    if missing or (schema.geometry and not isinstance(frame, gpd.GeoDataFrame)):
        raise SchemaError(
            "Layer '{table}' lacks the columns {columns}. Name the columns of the file that hold them.",
            table=table,
            columns=", ".join(missing) or "geometry",
        )
    plain = pd.DataFrame(frame[list(schema.column_names)])
    try:
        checked = plain if _conforms(table, plain) else _pandera_schema(table).validate(plain, lazy=True)
    except pandera.errors.SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        raise SchemaError(
            "Layer '{table}', column '{column}': value {value!r} is not allowed (row {row}). Correct it in the source.",
            table=table,
            column=first["column"] or first["schema_context"],
            value=first["failure_case"],
            row=first["index"],
        ) from error
    checked = checked.reset_index(drop=True)
    if schema.geometry is None:
        return checked
    geometry = frame.geometry
    shapes = geometry.to_numpy()
    wrong = (shapely.get_type_id(shapes) != _TYPE_IDS[schema.geometry]) | shapely.is_empty(shapes)
    if wrong.any():
        row = int(wrong.argmax())
        raise SchemaError(
            "Layer '{table}', row {row}: geometry is {found}, needed is {needed}.",
            table=table,
            row=row,
            found=geometry.geom_type.iloc[row] or "empty",
            needed=schema.geometry,
        )
    return geo_frame(checked, geometry.array.copy())


def geo_frame(plain: pd.DataFrame, geometry: Any) -> gpd.GeoDataFrame:
    """Return a frame with a geometry array, which knows its CRS: as the constructor does, in a tenth of the time."""
    frame: Any = plain.assign(geometry=geometry)
    frame.__class__ = gpd.GeoDataFrame
    frame._geometry_column_name = "geometry"
    return frame


@cache
def column_dtypes(table: str) -> dict[str, Any]:
    """Return the dtype of each column of a table."""
    return dict(empty_frame(table).dtypes)


def _conforms(table: str, frame: pd.DataFrame) -> bool:
    """Return whether the columns need neither coercion nor complaint, which is told much faster than by pandera."""
    dtypes = column_dtypes(table)
    return all(
        frame[column.name].dtype == dtypes[column.name]
        and (column.nullable or not frame[column.name].isna().any())
        and (not column.allowed or frame[column.name].isin(column.allowed).all())
        for column in SCHEMAS[table].columns
    )


def empty_frame(table: str, epsg: int | None = None) -> Any:
    """Return a frame of a table without rows."""
    schema = SCHEMAS[table]
    columns = {
        column.name: pd.Series(dtype="Int64" if column.kind == "int" and column.nullable else _DTYPES[column.kind])
        for column in schema.columns
    }
    if schema.geometry is None:
        return pd.DataFrame(columns)
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs=epsg), crs=epsg)
