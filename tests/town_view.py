"""A small made-up town as a :class:`ProjectView`: enough of every table to draw every page, the same on every run."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import LineString, MultiPolygon, Point, Polygon, box

from geo.model.frames import SCHEMAS, empty_frame, require_frame
from geo.model.project import Project
from geo.model.view import ProjectView

EPSG = 4547
X0, Y0 = 520_000.0, 3_370_000.0
BLOCK_M = 220.0
COLUMNS, ROWS = 8, 6
COMMUNITIES = ("桥头社区", "书院社区", "河西社区", "新塘村")
ZONINGS = (("party", "党建网格", "party"), ("governance", "综治网格", "governance"), ("police", "警务网格", "police"))
HOSTILE = "</script><img src=x onerror=\"window.broken=1\"><b>'坏名字'\u2028 & http://evil.example/a.js"


def empty_view() -> ProjectView:
    """Return a project without a single row."""
    frames = {table: empty_frame(table, EPSG) for table in SCHEMAS}
    return ProjectView(Project("空项目", EPSG), frames, {})


def healthy_view() -> ProjectView:
    """Return the town without anything to complain about: all borders agree, everything lies in a cell."""
    town = town_view()
    frames = dict(town.frames)
    frames |= {table: empty_frame(table, EPSG) for table in ("conflict", "repair", "sliver")}
    for table in ("facility", "building"):
        frames[table] = frames[table].fillna({"cell_code": "430482001000001"})
    frames["street"] = frames["street"][frames["street"]["name"] != "出城路"].reset_index(drop=True)
    whole = [{**report, "rows_read": report["rows_stored"]} for report in town.reports["import"]]
    return ProjectView(town.project, frames, {**town.reports, "import": whole})


def town_view(hostile: bool = False) -> ProjectView:
    """Return the town.

    Parameters
    ----------
    hostile
        Whether every name is text that would run as script if a page did not escape it.
    """
    tables: dict[str, Any] = {}
    tables |= _areas()
    tables |= _streets()
    tables |= _places()
    tables |= _patrol(tables)
    tables |= _risk(tables)
    tables |= _troubles()
    frames = {table: empty_frame(table, EPSG) for table in SCHEMAS}
    for table, frame in tables.items():
        if hostile:
            frames[table] = require_frame(table, _with_hostile_names(table, frame))
        else:
            frames[table] = require_frame(table, frame)
    name = HOSTILE if hostile else "示范镇"
    return ProjectView(Project(name, EPSG), frames, _reports(hostile))


def _with_hostile_names(table: str, frame: Any) -> Any:
    frame = frame.copy()
    keys = {"kind", "mode", "team_kind", "road_class", "oneway", "period", "arcs", "attributes", "params", "summary"}
    keys |= {"conflict_key", "facility_codes", "suggestion", "community_code", "layer"}
    keys |= {"sources", "zoning_id", "zoning_a", "zoning_b", "plan_id", "team", "code", "cell_code", "source_code"}
    for column in SCHEMAS[table].columns:
        if column.kind == "text" and column.name not in keys:
            frame[column.name] = HOSTILE
    return frame


def _frame(rows: list[dict[str, Any]], geometry: list[Any] | None = None) -> Any:
    if geometry is None:
        return pd.DataFrame(rows)
    return gpd.GeoDataFrame(rows, geometry=geometry, crs=EPSG)


def _block(column: float, row: float, width: float = 1, height: float = 1) -> Polygon:
    x, y = X0 + column * BLOCK_M, Y0 + row * BLOCK_M
    return box(x, y, x + width * BLOCK_M, y + height * BLOCK_M)


def _community_of(column: float, row: float) -> int:
    return int(column >= COLUMNS / 2) + 2 * int(row < ROWS / 2)


def _areas() -> dict[str, Any]:
    communities, shapes = [], []
    for number, name in enumerate(COMMUNITIES):
        communities.append({"code": f"43048200100{number}", "name": name, "street_name": "示范镇", "attributes": "{}"})
        shapes.append(MultiPolygon([_block(4 * (number % 2), 3 * (1 - number // 2), 4, 3)]))
    cells, cell_shapes, counts = [], [], []
    for place, (zoning, _, _) in enumerate(ZONINGS):
        width, shift = (2, 2, 4)[place], (0.0, 0.12, -0.08)[place]
        edges = [c + (shift if 0 < c < COLUMNS else 0) for c in range(0, COLUMNS + 1, width)]
        number = 0
        for row in range(0, ROWS, 3 if place else 2):
            for left, right in pairwise(edges):
                number += 1
                cells.append(
                    {
                        "zoning_id": zoning,
                        "code": f"{zoning[:2].upper()}{number:03d}",
                        "name": f"{ZONINGS[place][1]}第{number}格",
                        "attributes": "{}",
                        "community_name": COMMUNITIES[_community_of(left, row)],
                    }
                )
                cell_shapes.append(MultiPolygon([_block(left, row, right - left, 3 if place else 2)]))
        counts.append(number)
    zonings = [
        {"zoning_id": key, "name": name, "domain": domain, "cells": counts[place], "source": f"{name}.shp"}
        for place, (key, name, domain) in enumerate(ZONINGS)
    ]
    unified, unified_shapes, lineage = _unified()
    conflicts, conflict_shapes = _conflicts()
    return {
        "zoning": _frame(zonings),
        "cell": _frame(cells, cell_shapes),
        "community": _frame(communities, shapes),
        "unified_cell": _frame(unified, unified_shapes),
        "lineage": _frame(lineage),
        "conflict": _frame(conflicts, conflict_shapes),
    }  # fmt: skip


def _unified() -> tuple[list[dict[str, Any]], list[Any], list[dict[str, Any]]]:
    rows, shapes, lineage = [], [], []
    sequence = [0] * len(COMMUNITIES)
    for row in range(ROWS - 1, -1, -1):
        for column in range(0, COLUMNS, 2):
            community = _community_of(column, row)
            sequence[community] += 1
            code = f"43048200100{community}{sequence[community]:03d}"
            shape = _block(column, row, 2, 1)
            sources = {zoning: f"{zoning[:2].upper()}001" for zoning, _, _ in ZONINGS}
            rows.append(
                {
                    "code": code,
                    "name": f"{COMMUNITIES[community]}{sequence[community]:02d}网格",
                    "community_code": f"43048200100{community}",
                    "community_name": COMMUNITIES[community],
                    "sequence": sequence[community],
                    "area_m2": shape.area,
                    "pieces": 2,
                    "sources": json.dumps(sources),
                }
            )
            shapes.append(MultiPolygon([shape]))
            for zoning, _, _ in ZONINGS:
                for source, share in (("001", 0.86), ("002", 0.14)):
                    lineage.append(
                        {
                            "cell_code": code,
                            "zoning_id": zoning,
                            "source_code": f"{zoning[:2].upper()}{source}",
                            "area_m2": share * shape.area,
                            "share_of_source": 0.2,
                            "share_of_cell": share,
                        }
                    )
    return rows, shapes, lineage  # fmt: skip


def _conflicts() -> tuple[list[dict[str, Any]], list[Any]]:
    rows, shapes = [], []
    places = [("border", 2, 0, 0.12, 3), ("border", 4, 3, 0.12, 3), ("overlap", 6, 0, 0.12, 3),
              ("gap", 3.92, 0, 0.08, 3),
              ("border", 3.92, 3, 0.08, 3), ("unassigned", 0, 5.9, 1.5, 0.1)]  # fmt: skip
    suggestions = {"border": "survey", "overlap": "decide_overlap", "gap": "assign_gap"}
    suggestions["unassigned"] = "assign_community"
    for number, (kind, column, row, width, height) in enumerate(places, start=1):
        shape = _block(column, row, width, height)
        rows.append(
            {
                "conflict_key": f"{number}|{kind}",
                "kind": kind,
                "zoning_a": "governance",
                "cell_a": f"GO00{number}",
                "zoning_b": None if kind in ("gap", "unassigned") else "party",
                "cell_b": None if kind in ("gap", "unassigned") else f"PA00{number}",
                "community_code": f"43048200100{_community_of(column, row)}",
                "community_name": COMMUNITIES[_community_of(column, row)],
                "area_m2": shape.area,
                "length_m": height * BLOCK_M,
                "max_offset_m": width * BLOCK_M,
                "facilities": number % 3,
                "facility_codes": json.dumps([f"S{code:04d}" for code in range(1, number % 3 + 1)]),
                "suggestion": suggestions[kind] if number != 1 else "follow_b",
            }
        )
        shapes.append(MultiPolygon([shape]))
    return rows, shapes  # fmt: skip


def _street_lines() -> list[tuple[str, str, list[tuple[float, float]]]]:
    lines = []
    for row in range(ROWS + 1):
        road_class = "primary" if row == 3 else "residential" if row % 2 else "secondary"
        lines.append((f"东西{row + 1}路", road_class, [(column, row) for column in range(COLUMNS + 1)]))
    for column in range(COLUMNS + 1):
        road_class = "trunk" if column == 4 else "lane" if column % 3 == 1 else "residential"
        lines.append((f"南北{column + 1}街", road_class, [(column, row) for row in range(ROWS + 1)]))
    lines.append(("断头巷", "lane", [(1, 1), (1.5, 1.4)]))
    lines.append(("孤岛路", "pedestrian", [(5.2, 4.3), (5.5, 4.6), (5.8, 4.4)]))
    return lines


def _at(column: float, row: float) -> tuple[float, float]:
    return X0 + column * BLOCK_M, Y0 + row * BLOCK_M


def _streets() -> dict[str, Any]:
    streets, street_shapes, edges, edge_shapes = [], [], [], []
    nodes: dict[tuple[float, float], int] = {}
    degree: dict[int, int] = {}
    for number, (name, road_class, places) in enumerate(_street_lines(), start=1):
        streets.append(
            {
                "street_id": number,
                "name": name,
                "road_class": road_class,
                "oneway": "both",
                "level": 0,
                "maxspeed_kmh": None,
                "attributes": "{}",
            }
        )
        street_shapes.append(LineString([_at(*place) for place in places]))
        pieces = [places] if number > ROWS + COLUMNS + 2 else pairwise(places)
        for piece in pieces:
            line = LineString([_at(*place) for place in piece])
            ends = [nodes.setdefault(place, len(nodes)) for place in (piece[0], piece[-1])]
            for end in ends:
                degree[end] = degree.get(end, 0) + 1
            edges.append(
                {
                    "edge_id": len(edges),
                    "from_node": ends[0],
                    "to_node": ends[1],
                    "street_id": number,
                    "name": name,
                    "road_class": road_class,
                    "length_m": line.length,
                    "speed_foot_mps": 1.2,
                    "speed_ebike_mps": 4.0,
                    "speed_car_mps": 8.0,
                    "oneway": "both",
                    "cell_code": None,
                }
            )
            edge_shapes.append(line)
    node_rows = [
        {"node_id": node, "component": int(place[0] % 1 > 0.1 and place[1] > 4), "degree": degree[node]}
        for place, node in nodes.items()
    ]
    held = [
        {"street_id": row["street_id"], "cell_code": "430482001000001", "length_m": line.length}
        for row, line in zip(streets, street_shapes, strict=True)
    ]
    streets.append({**streets[0], "street_id": len(streets) + 1, "name": "出城路", "road_class": "lane"})
    street_shapes.append(LineString([_at(COLUMNS, 5), _at(COLUMNS + 1.05, 5)]))
    return {
        "street_cell": _frame(held),
        "street": _frame(streets, street_shapes),
        "network_edge": _frame(edges, edge_shapes),
        "network_node": _frame(node_rows, [Point(_at(*place)) for place in nodes]),
    }  # fmt: skip


def _places() -> dict[str, Any]:
    kinds = ("camera", "school", "police_room", "governance_centre", "hydrant", "bus_stop", "market", "bank")
    generator = np.random.default_rng(7)
    rows, shapes = [], []
    for number in range(64):
        kind = kinds[number % len(kinds)]
        column, row = generator.uniform(0.1, COLUMNS - 0.1), generator.uniform(0.1, ROWS - 0.1)
        rows.append(
            {
                "code": f"S{number:04d}",
                "name": f"{kind}{number}号点",
                "kind": kind,
                "address": "示范路1号",
                "cell_code": None if number == 5 else "430482001000001",
                "attributes": "{}",
            }
        )
        shapes.append(Point(_at(column, row)))
    incidents, incident_shapes = [], []
    for number in range(120):
        column, row = generator.normal(5, 1.2), generator.normal(4, 1)
        incidents.append(
            {
                "kind": "盗窃",
                "cell_code": None,
                "occurred_at": pd.Timestamp("2024-01-03", tz="UTC") + pd.Timedelta(days=number),
            }
        )
        incident_shapes.append(Point(_at(column, row)))
    return {"facility": _frame(rows, shapes), "incident": _frame(incidents, incident_shapes)}  # fmt: skip


def _patrol(tables: dict[str, Any]) -> dict[str, Any]:
    plan = {"plan_id": "p1", "created_at": pd.Timestamp("2024-05-01", tz="UTC"), "params": "{}", "summary": "{}"}
    teams = (("一队", "police", "car"), ("二队", "grid_worker", "ebike"), ("三队", "volunteer", "foot"))
    routes, route_shapes, legs, leg_shapes, visits, visit_shapes = [], [], [], [], [], []
    for number, (team, kind, mode) in enumerate(teams, start=1):
        loop = _loop(2 * number - 2, number)
        clock = 8 * 3600.0
        for leg_no, (start, end) in enumerate(pairwise(loop), start=1):
            line = LineString([_at(*start), _at(*end)])
            leg_kind = "deadhead" if leg_no % 5 == 0 else "serve"
            legs.append(
                {
                    "plan_id": "p1",
                    "route_no": number,
                    "leg_no": leg_no,
                    "kind": leg_kind,
                    "name": "" if leg_no == 3 else f"东西{int(start[1]) + 1}路",
                    "length_m": line.length,
                    "start_s": clock,
                    "end_s": clock + 300,
                    "arcs": f"[{leg_no}]",
                }
            )
            leg_shapes.append(line)
            clock += 300
        length = sum(shape.length for shape in leg_shapes if shape is not None)
        facilities = tables["facility"].iloc[8 * number : 8 * number + 4]
        for order, (_, facility) in enumerate(facilities.iterrows(), start=1):
            visits.append(_visit(number, order, facility, clock + 600 * order))
            visit_shapes.append(Point(_at(*loop[2 * order % len(loop)])))
        routes.append(
            {
                "plan_id": "p1",
                "route_no": number,
                "team": team,
                "team_kind": kind,
                "mode": mode,
                "start_s": 8 * 3600.0,
                "end_s": clock + 3600,
                "length_m": length,
                "served_m": 0.8 * length,
                "deadhead_m": 0.2 * length,
                "duration_s": clock + 3600 - 8 * 3600 + 400 * number,
                "visits": 4,
            }
        )
        route_shapes.append(LineString([_at(*place) for place in loop]))
    visits.append({**_visit(0, 0, tables["facility"].iloc[40], None), "reason": "no team can reach it in time"})
    visit_shapes.append(Point(_at(7.5, 5.5)))
    return {"plan": _frame([plan]), "route": _frame(routes, route_shapes), "leg": _frame(legs, leg_shapes),
            "visit": _frame(visits, visit_shapes)}  # fmt: skip


def _loop(column: int, size: int) -> list[tuple[float, float]]:
    right = column + 2
    there = [(column, 1), (column + 1, 1), (right, 1), (right, 2), (right, 3), (right, 4), (column + 1, 4), (column, 4)]
    return [*there, (column, 3), (column, 2), (column, 1)][: 11 if size else 0]


def _visit(number: int, order: int, facility: Any, arrive_s: float | None) -> dict[str, Any]:
    return {"plan_id": "p1", "route_no": number, "sequence": order, "code": facility["code"], "name": facility["name"],
            "kind": facility["kind"], "node_id": 1, "arrive_s": arrive_s, "service_duration_s": 720.0,
            "window_start_s": 28_800.0 if order == 2 else None, "window_end_s": 36_000.0 if order == 2 else None,
            "reason": ""}  # fmt: skip


def _risk(tables: dict[str, Any]) -> dict[str, Any]:
    step, months = 55.0, ("all", "2024-01", "2024-02", "2024-03", "2024-04")
    rows, shapes = [], []
    xs = np.arange(X0 + step / 2, X0 + COLUMNS * BLOCK_M, step)
    ys = np.arange(Y0 + step / 2, Y0 + ROWS * BLOCK_M, step)
    for place, month in enumerate(months):
        centre = _at(2 + place, 4.2 - 0.3 * place)
        for x in xs:
            for y in ys:
                score = float(np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 260**2)))
                if score > 0.004:
                    rows.append({"period": month, "intensity_per_m2": score * 4e-4, "risk_score": score})
                    shapes.append(Point(x, y))
    unified = tables["unified_cell"]
    ranked = []
    for rank, code in enumerate(unified["code"], start=1):
        score = 1.0 / rank
        ranked.append(
            {
                "cell_code": code,
                "rank": rank,
                "incidents": 40 // rank,
                "intensity_per_m2": score * 4e-4,
                "risk_score": score,
            }
        )
    return {"risk_surface": _frame(rows, shapes), "risk_cell": _frame(ranked, list(unified.geometry))}  # fmt: skip


def _troubles() -> dict[str, Any]:
    """Return slivers, repairs, and buildings of which one lies in no cell."""
    slivers = [
        {"cell_code": "430482001000001", "community_code": "430482001000", "area_m2": area_m2, "mean_width_m": width_m,
         "sources": "{}"}
        for area_m2, width_m in ((40.0, 1.9), (120.0, 2.9))
    ]  # fmt: skip
    shapes = [MultiPolygon([box(X0, Y0 + 900 + 50 * n, X0 + 20 * n, Y0 + 902 + 50 * n)]) for n in (1, 3)]
    repairs = [
        {"layer": "cell", "zoning_id": "party", "source": "党建网格.shp", "row": 21, "code": "PA003",
         "kind": "self_intersection", "is_left_out": 0, "moved_area_m2": 37.07},
        {"layer": "facility", "zoning_id": "", "source": "设施.shp", "row": 7, "code": "", "kind": "collapsed_part",
         "is_left_out": 1, "moved_area_m2": 0.0},
    ]  # fmt: skip
    buildings = [
        {"name": name, "households": households, "floors": 6, "cell_code": cell}
        for name, households, cell in (("一号楼", 30, "430482001000001"), ("河边楼", 12, None), ("桥下楼", 5, None))
    ]
    places = [(1.2, 4.2), (COLUMNS + 0.2, 2), (COLUMNS + 0.2, 3)]
    return {
        "sliver": _frame(slivers, shapes),
        "repair": _frame(repairs, [Point(_at(2.1, 1.2)), Point(_at(5.5, 2.5))]),
        "building": _frame(buildings, [MultiPolygon([_block(*place, 0.1, 0.1)]) for place in places]),
    }


def _import_report(
    kind: str, zoning: str, source: str, read: int, stored: int, moved_m2: float = 0.0
) -> dict[str, Any]:
    return {"kind": kind, "zoning_id": zoning, "source": source, "rows_read": read, "rows_stored": stored,
            "moved_area_m2": moved_m2, "findings": []}  # fmt: skip


def _unify_report() -> dict[str, Any]:
    params = {
        "policy": "reference",
        "reference": "party",
        "slivers": {"min_width_m": 15.0, "min_area_m2": 500.0},
        "optimise": {"measure": "area", "lower": 6000.0, "upper": 14000.0},
    }
    return {
        "disputed_area_m2": 43_210.0, "findings": [], "policy": "reference", "params": params, "tolerance_m": 1.88,
        "is_tolerance_proposed": True, "snapped_area_m2": 1_234.5, "slivers_dissolved": 2, "sliver_area_m2": 160.0,
        "codes_kept": 20, "codes_new": 4, "codes_ended": 1,
    }  # fmt: skip


def _reports(hostile: bool) -> dict[str, list[dict[str, Any]]]:
    finding = {
        "code": "island",
        "severity": "warning",
        "message": HOSTILE if hostile else "A part is cut off.",
        "count": 1,
        "rows": [],
        "x": X0 + 1200,
        "y": Y0 + 980,
        "context": {},
    }
    return {
        "import": [
            _import_report("zoning", "police", "旧警务网格.shp", 4, 4),
            _import_report("zoning", "party", "党建网格.shp", 12, 12, 37.07),
            _import_report("zoning", "police", "警务网格.shp", 4, 4),
            _import_report("facility", "", "设施.shp", 65, 64),
        ],
        "unify": [_unify_report()],
        "network": [{"reachable_length_share": {"foot": 0.99, "car": 0.93}, "findings": [finding]}],
        "risk": [{"incidents": 120, "bandwidth_m": 250.0, "half_life_days": 60.0, "first_at": "2024-01-03T00:00:00",
                  "last_at": "2024-05-01T00:00:00"}],
    }  # fmt: skip
